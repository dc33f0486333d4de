"""PyTorch, eager and compiled, by torch.nn.BatchNorm2d."""

import numpy
import torch

from cases import Library, Trained


def make_layer(case):
    more = {}
    if case.momentum is not None:
        more["momentum"] = case.momentum
    if case.epsilon is not None:
        more["eps"] = case.epsilon
    layer = torch.nn.BatchNorm2d(len(case.scale), dtype=getattr(torch, case.param_dtype), **more)
    with torch.no_grad():
        for tensor, values in ((layer.weight, case.scale), (layer.bias, case.bias),
                               (layer.running_mean, case.mean), (layer.running_var, case.var)):
            tensor.copy_(torch.from_numpy(values))
    return layer


def make_tensor(case, values):
    tensor = torch.from_numpy(values).to(getattr(torch, case.dtype))
    if case.layout == "nhwc":
        tensor = tensor.to(memory_format=torch.channels_last)
    return tensor


def to_numpy(tensor):
    tensor = tensor.detach()
    return (tensor if tensor.dtype != torch.bfloat16 else tensor.float()).numpy()


class Typed:
    """A saved tensor with numpy's attributes; numpy has no bfloat16."""

    def __init__(self, tensor):
        self.values, self.dtype = to_numpy(tensor), str(tensor.dtype).rpartition(".")[2]

    def __array__(self, dtype=None, copy=None):
        return numpy.asarray(self.values, dtype)


class PyTorch(Library):
    name, package = "pytorch", "torch"
    layouts = ("nchw", "nhwc")

    def run(self, layer, x):
        return layer(x)

    def train(self, case):
        layer = make_layer(case).train()
        saved = None
        y = self.run(layer, make_tensor(case, case.x))
        if self.name == "pytorch" and case.x.size > case.x.shape[1]:
            saved = [Typed(tensor) for kind in (torch.float32, torch.bfloat16)
                     for tensor in torch.native_batch_norm(
                         make_tensor(case, case.x).to(kind), layer.weight.to(kind),
                         layer.bias.to(kind), None, None, True, 0, layer.eps)[1:]]
        return Trained(to_numpy(y), to_numpy(layer.running_mean), to_numpy(layer.running_var),
                       saved)

    def infer(self, case):
        with torch.no_grad():
            return to_numpy(self.run(make_layer(case).eval(), make_tensor(case, case.x)))

    def backward(self, case):
        layer = make_layer(case).train()
        x = make_tensor(case, case.x).requires_grad_()
        self.run(layer, x).backward(make_tensor(case, case.dy))
        return to_numpy(x.grad), to_numpy(layer.weight.grad), to_numpy(layer.bias.grad)


class Compiled(PyTorch):
    name = "pytorch-compile"

    def run(self, layer, x):
        torch._dynamo.reset()
        return torch.compile(layer)(x)


LIBRARIES = [PyTorch(), Compiled()]
