"""MindSpore on a CPU, by nn.BatchNorm2d in PyNative mode."""

import mindspore
import numpy
from mindspore import nn

from cases import Library, Trained


class MindSpore(Library):
    name, package = "mindspore", "mindspore"

    def make(self, case, training):
        given = {"momentum": case.momentum, "eps": case.epsilon}
        layer = nn.BatchNorm2d(len(case.scale), **{name: value for name, value in given.items()
                                                   if value is not None})
        kind = getattr(mindspore, case.param_dtype)
        for parameter, values in ((layer.gamma, case.scale), (layer.beta, case.bias),
                                  (layer.moving_mean, case.mean),
                                  (layer.moving_variance, case.var)):
            parameter.set_data(mindspore.Tensor(values).astype(kind))
        layer.set_train(training)
        return layer, mindspore.Tensor(case.x).astype(getattr(mindspore, case.dtype))

    def train(self, case):
        layer, x = self.make(case, True)
        y = layer(x).astype(mindspore.float64).asnumpy()
        return Trained(y, layer.moving_mean.astype(mindspore.float32).asnumpy(),
                       layer.moving_variance.astype(mindspore.float32).asnumpy())

    def infer(self, case):
        layer, x = self.make(case, False)
        return layer(x).asnumpy()

    def backward(self, case):
        layer, x = self.make(case, True)
        dy = mindspore.Tensor(case.dy)
        dx = mindspore.grad(lambda x: (layer(x) * dy).sum())(x)
        return numpy.array(dx.asnumpy()), None, None


LIBRARIES = [MindSpore()]
