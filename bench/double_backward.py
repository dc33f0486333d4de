#!/usr/bin/env python3
"""Times of cubnBatchNormDoubleBackward and of PyTorch's double backward, in the same run, on the
CPU; their results are compared first.

    .deps/torch/bin/python bench/double_backward.py [--threads N] [--library build/libcubn.so]

scripts/torch.sh makes .deps/torch. The best of some calls counts, of each in turn."""

import argparse
import ctypes
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPES = ((32, 64, 56, 56), (32, 256, 14, 14), (32, 512, 7, 7), (4, 64, 14, 14))
CALLS = 9
# Members of cubnBatchNormDoubleBackwardTensors_t, all of which are pointers.
MEMBERS = ("x_desc dy_desc ddx_desc gx_desc ddy_desc param_desc x dy scale ddx ddscale ddbias gx "
           "ddy gscale saved_mean saved_inv_std saved_mean_low mean mean_low var inv_std").split()


class Tensors(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in MEMBERS]


class Cubn:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.handle = self.create("cubnCreateOnDevice", b"cpu")
        self.descriptor = self.create("cubnCreateBatchNormDescriptor")

    def call(self, name, *arguments):
        if getattr(self.library, name)(*arguments) != 0:
            sys.exit("%s failed" % name)

    def create(self, name, *arguments):
        created = ctypes.c_void_p()
        self.call(name, ctypes.byref(created), *arguments)
        return created

    def prepare(self, shape, channels_last, arrays):
        image = self.create("cubnCreateTensorDescriptor")
        param = self.create("cubnCreateTensorDescriptor")
        self.call("cubnSetTensor4dDescriptor", image, int(channels_last), 0, *shape)
        self.call("cubnDeriveBNTensorDescriptor", param, image, 1)
        tensors = Tensors(param_desc=param)
        for name in ("x", "dy", "ddx", "gx", "ddy"):
            setattr(tensors, name + "_desc", image)
        for name, array in arrays.items():
            setattr(tensors, name, array.data_ptr())
        return tensors

    def double_backward(self, tensors):
        self.call("cubnBatchNormDoubleBackward", self.handle, self.descriptor,
                  ctypes.byref(tensors))


def seconds_of(functions):
    best = [float("inf")] * len(functions)
    for _ in range(CALLS):
        for i, function in enumerate(functions):
            begin = time.perf_counter()
            function()
            best[i] = min(best[i], time.perf_counter() - begin)
    return best


def measure(torch, cubn, shape, channels_last):
    layout = torch.channels_last if channels_last else torch.contiguous_format
    new = lambda: torch.randn(shape).contiguous(memory_format=layout)
    x, dy, ddx = new().requires_grad_(), new().requires_grad_(), new()
    scale, ddscale, ddbias = [torch.rand(shape[1]) + 0.5 for _ in range(3)]
    scale.requires_grad_()
    bias = torch.zeros(shape[1], requires_grad=True)
    y = torch.nn.functional.batch_norm(x, None, None, scale, bias, True, 0.1, 1e-5)
    first = torch.autograd.grad(y, (x, scale, bias), dy, create_graph=True)
    second = lambda: torch.autograd.grad(first, (x, dy, scale), (ddx, ddscale, ddbias),
                                         retain_graph=True)
    mean = x.detach().mean((0, 2, 3))
    inv_std = (x.detach().var((0, 2, 3), unbiased=False) + 1e-5).rsqrt()
    arrays = {"x": x, "dy": dy, "scale": scale, "ddx": ddx, "ddscale": ddscale, "ddbias": ddbias,
              "gx": new(), "ddy": new(), "gscale": torch.zeros(shape[1]), "saved_mean": mean,
              "saved_inv_std": inv_std}
    tensors = cubn.prepare(shape, channels_last, arrays)
    cubn.double_backward(tensors)
    for name, theirs in zip(("gx", "ddy", "gscale"), second()):
        difference = (arrays[name] - theirs).abs().max() / theirs.abs().max()
        if not difference < 1e-4:
            sys.exit("%s differs by %g of its largest value" % (name, difference))
    ours, theirs = seconds_of((lambda: cubn.double_backward(tensors), second))
    count = x.numel()
    print("%-18s %-5s cubn %8.3f ms %6.2f ns/element   torch %8.3f ms %6.2f ns/element   %5.1f x" %
          ("x".join(map(str, shape)), "nhwc" if channels_last else "nchw", ours * 1e3,
           ours * 1e9 / count, theirs * 1e3, theirs * 1e9 / count, theirs / ours))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--library", default=ROOT / "build/libcubn.so")
    options = parser.parse_args()
    threads = options.threads or len(os.sched_getaffinity(0))
    os.environ["CUBN_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch  # reads the environment
    torch.set_num_threads(threads)
    cubn = Cubn(options.library)
    for shape in SHAPES:
        for channels_last in (False, True):
            measure(torch, cubn, shape, channels_last)
    return 0


if __name__ == "__main__":
    sys.exit(main())
