"""tinygrad on a CPU, by nn.BatchNorm."""

import numpy
from tinygrad import Tensor, dtypes, nn
from tinygrad.helpers import Context

from cases import Library, Trained


class Tinygrad(Library):
    name, package = "tinygrad", "tinygrad"

    def make(self, case):
        given = {"momentum": case.momentum, "eps": case.epsilon}
        layer = nn.BatchNorm(len(case.scale), **{name: value for name, value in given.items()
                                                 if value is not None})
        kind = getattr(dtypes, case.param_dtype)
        for name, values in (("weight", case.scale), ("bias", case.bias),
                             ("running_mean", case.mean), ("running_var", case.var)):
            setattr(layer, name, Tensor(values).cast(kind).realize())
        return layer, Tensor(numpy.ascontiguousarray(case.x)).cast(getattr(dtypes, case.dtype))

    def train(self, case):
        layer, x = self.make(case)
        with Context(TRAINING=1):
            y = layer(x).cast(dtypes.float64).numpy()
            return Trained(y, layer.running_mean.cast(dtypes.float32).numpy(),
                           layer.running_var.cast(dtypes.float32).numpy())

    def infer(self, case):
        layer, x = self.make(case)
        return layer(x).numpy()

    def backward(self, case):
        layer, x = self.make(case)
        x.requires_grad = True
        with Context(TRAINING=1):
            (layer(x) * Tensor(case.dy)).sum().backward()
            return x.grad.numpy(), None, None


LIBRARIES = [Tinygrad()]
