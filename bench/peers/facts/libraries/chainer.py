"""Chainer, by chainer.functions."""

import chainer
import numpy
from chainer import functions

from cases import Library, Trained


class Chainer(Library):
    name, package = "chainer", "chainer"
    types = ("float32", "float64", "float16")

    def make(self, case, decay="decay"):
        given = {decay: case.momentum, "eps": case.epsilon}
        x = chainer.Variable(case.x.astype(case.dtype))
        arrays = [values.astype(case.param_dtype) for values in
                  (case.scale, case.bias, case.mean, case.var)]
        return x, arrays, {name: value for name, value in given.items() if value is not None}

    def step(self, case):
        x, arrays, more = self.make(case)
        y = functions.batch_normalization(x, arrays[0], arrays[1], running_mean=arrays[2],
                                          running_var=arrays[3], **more)
        return x, y, arrays

    def train(self, case):
        _, y, arrays = self.step(case)
        return Trained(y.array, arrays[2], arrays[3])

    def infer(self, case):
        case.momentum = None
        x, arrays, more = self.make(case)
        return functions.fixed_batch_normalization(x, *arrays, **more).array

    def backward(self, case):
        x, y, _ = self.step(case)
        y.grad = case.dy.astype(case.dtype)
        y.backward()
        return numpy.array(x.grad), None, None


LIBRARIES = [Chainer()]
