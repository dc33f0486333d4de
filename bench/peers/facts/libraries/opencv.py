"""OpenCV's dnn, which has inference only: a graph of ONNX, by both of its engines."""

import cv2
import numpy
from libraries.onnx_graph import make_model

from cases import Library


class OpenCv(Library):
    name, package, engine = "opencv", "opencv-python-headless", "ENGINE_NEW"
    types = ("float32",)

    def infer(self, case):
        model = numpy.frombuffer(make_model(case, False, constant=True).SerializeToString(),
                                 numpy.uint8)
        net = cv2.dnn.readNetFromONNX(model, engine=getattr(cv2.dnn, self.engine))
        net.setInput(numpy.ascontiguousarray(case.x))
        return net.forward()


class OpenCvClassic(OpenCv):
    name, engine = "opencv-classic", "ENGINE_CLASSIC"


LIBRARIES = [OpenCv(), OpenCvClassic()]
