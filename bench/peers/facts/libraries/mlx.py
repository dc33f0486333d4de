"""MLX on a CPU, by mlx.nn.BatchNorm, whose channels are the last axis."""

import mlx.core as mx
import mlx.nn
import numpy

from cases import Library, Trained, from_layout, to_layout


class Mlx(Library):
    name, package = "mlx", "mlx"
    layouts = ("nhwc",)
    types = ("float32", "float16", "bfloat16")

    def make(self, case, training):
        given = {"momentum": case.momentum, "eps": case.epsilon}
        layer = mlx.nn.BatchNorm(len(case.scale), **{name: value for name, value in given.items()
                                                     if value is not None})
        kind = getattr(mx, case.param_dtype)
        layer.weight, layer.bias = mx.array(case.scale, kind), mx.array(case.bias, kind)
        layer.running_mean = mx.array(case.mean, kind)
        layer.running_var = mx.array(case.var, kind)
        layer.train(training)
        return layer, mx.array(to_layout(case.x, "nhwc"), getattr(mx, case.dtype))

    def to_numpy(self, y):
        return from_layout(numpy.array(y.astype(mx.float32)), "nhwc")

    def train(self, case):
        layer, x = self.make(case, True)
        y = layer(x)
        return Trained(self.to_numpy(y), numpy.array(layer.running_mean.astype(mx.float32)),
                       numpy.array(layer.running_var.astype(mx.float32)))

    def infer(self, case):
        layer, x = self.make(case, False)
        return self.to_numpy(layer(x))

    def backward(self, case):
        layer, x = self.make(case, True)
        dy = mx.array(to_layout(case.dy, "nhwc"), x.dtype)
        return self.to_numpy(mx.grad(lambda x: (layer(x) * dy).sum())(x)), None, None


LIBRARIES = [Mlx()]
