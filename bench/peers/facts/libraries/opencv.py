"""OpenCV's dnn, which has inference only: a graph of ONNX, by both of its engines."""

import os
import tempfile

import cv2
import numpy
from libraries.onnx_graph import make_model

from cases import Library


class OpenCv(Library):
    name, package, engine = "opencv", "opencv-python-headless", "ENGINE_NEW"
    types = ("float32",)

    def infer(self, case):
        with tempfile.TemporaryDirectory() as folder:  # it looks at the engine for files only
            path = os.path.join(folder, "one.onnx")
            with open(path, "wb") as file:
                file.write(make_model(case, False, constant=True).SerializeToString())
            net = cv2.dnn.readNetFromONNX(path, engine=getattr(cv2.dnn, self.engine))
        net.setInput(numpy.ascontiguousarray(case.x))
        return net.forward()


class OpenCvClassic(OpenCv):
    name, engine = "opencv-classic", "ENGINE_CLASSIC"


LIBRARIES = [OpenCv(), OpenCvClassic()]
