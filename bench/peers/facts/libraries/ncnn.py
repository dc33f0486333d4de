"""ncnn's layer BatchNorm, which has inference only; its parameters are float32."""

import os
import tempfile

import ncnn
import numpy

from cases import Library


class Ncnn(Library):
    name, package = "ncnn", "ncnn"
    types = ("float32",)

    def infer(self, case):
        epsilon = "" if case.epsilon is None else " 1=%.9e" % case.epsilon
        text = "7767517\n2 2\nInput in 0 1 x\nBatchNorm bn 1 1 x y 0=%d%s\n" % (
            len(case.scale), epsilon)
        # The order of the weights is slope, mean, variance, bias.
        weights = numpy.concatenate([case.scale, case.mean, case.var, case.bias])
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("net.param", "net.bin")]
            for path, content in zip(paths, (text.encode(),
                                             weights.astype(numpy.float32).tobytes())):
                with open(path, "wb") as file:
                    file.write(content)
            net = ncnn.Net()
            net.opt.use_fp16_storage = net.opt.use_bf16_storage = False
            if net.load_param(paths[0]) or net.load_model(paths[1]):
                raise ValueError("not loaded")
            return numpy.stack([self.infer_one(net, image) for image in case.x])

    def infer_one(self, net, image):
        extractor = net.create_extractor()
        extractor.input("x", ncnn.Mat(numpy.ascontiguousarray(image)).clone())
        status, y = extractor.extract("y")
        if status:
            raise ValueError("extract: %d" % status)
        return numpy.array(y).reshape(image.shape)


LIBRARIES = [Ncnn()]
