"""dlib on a CPU, by the functions that its layer bn_con_ calls."""

import ctypes
import os

import native
import numpy
from native import SOURCES, floats, pointer

from cases import Library, Trained


def load():
    folder, = SOURCES.glob("dlib-*")
    return native.build("g++", "dlib.cpp", "-std=c++17", "-I", folder, "-DDLIB_NO_GUI_SUPPORT",
                        folder / "dlib/all/source.cpp", "-lpthread")


class Dlib(Library):
    name, package = "dlib", "dlib"
    has_default_epsilon = has_default_momentum = False
    types = ("float32",)

    def __init__(self):
        self.library = load()

    def version(self):
        folder, = SOURCES.glob("dlib-*")
        return folder.name.partition("-")[2]

    def call(self, function, *arguments):
        """In a child process first: dlib's second refusal ends its process."""
        compute = getattr(self.library, "facts_" + function)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os._exit(compute(*arguments))
        if os.waitpid(child, 0)[1]:
            raise ValueError("refused")
        compute(*arguments)

    def step(self, case):
        """The result of training, and the saved statistics, one array behind the other."""
        x, mean, var = floats(case.x), floats(case.mean), floats(case.var)
        y, saved = numpy.empty_like(x), numpy.empty(2 * len(mean), numpy.float32)
        self.call("train", (ctypes.c_long * 4)(*x.shape), pointer(x), pointer(floats(case.scale)),
                  pointer(floats(case.bias)), pointer(mean), pointer(var),
                  ctypes.c_double(case.momentum), ctypes.c_double(case.epsilon), pointer(y),
                  pointer(saved))
        return Trained(y, mean, var, numpy.split(saved, 2)), saved

    def train(self, case):
        return self.step(case)[0]

    def infer(self, case):
        x = floats(case.x)
        y = numpy.empty_like(x)
        params = [floats(v) for v in (case.scale, case.bias, case.mean, case.var)]
        self.call("infer", (ctypes.c_long * 4)(*x.shape), pointer(x), *map(pointer, params),
                  ctypes.c_double(case.epsilon), pointer(y))
        return y

    def backward(self, case):
        saved = self.step(case)[1]
        x, dy, scale = floats(case.x), floats(case.dy), floats(case.scale)
        dx = numpy.empty_like(x)
        self.call("backward", (ctypes.c_long * 4)(*x.shape), pointer(x), pointer(dy),
                  pointer(scale), pointer(saved), ctypes.c_double(case.epsilon), pointer(dx))
        return dx, None, None


LIBRARIES = [Dlib()]
