"""cubn itself by the same questions, through the public functions of $CUBN_LIBRARY (default:
build/libcubn.so)."""

import ctypes
import os
import pathlib

import numpy

from libraries.descriptors import Descriptors

from cases import Library, Trained, from_layout, to_layout

ROOT = pathlib.Path(__file__).resolve().parents[4]
SPATIAL = 1
TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 9}
FORMATS = {"nchw": 0, "nhwc": 1}


def load():
    library = ctypes.CDLL(os.environ.get("CUBN_LIBRARY", ROOT / "build" / "libcubn.so"))
    library.cubnGetErrorString.restype = ctypes.c_char_p
    library.cubnGetVersion.restype = ctypes.c_size_t
    return library


def version(library):
    number = library.cubnGetVersion()
    return "%d.%d.%d" % (number // 10000, number // 100 % 100, number % 100)


def pack(values, dtype):
    """A numpy array of the type; bfloat16 as its 16 bits."""
    if dtype != "bfloat16":
        return numpy.array(values, dtype)
    bits = numpy.array(values, numpy.float32).view(numpy.uint32)
    return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def unpack(values, dtype):
    if dtype != "bfloat16":
        return values
    return (values.astype(numpy.uint32) << 16).view(numpy.float32)


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


class Cubn(Library):
    name = "cubn"
    layouts = ("nchw", "nhwc")
    has_default_momentum = has_default_epsilon = False

    def __init__(self):
        self.library = load()
        self.handle, self.x_desc, self.params = (ctypes.c_void_p() for _ in range(3))
        self.call("Create", ctypes.byref(self.handle))
        self.call("CreateTensorDescriptor", ctypes.byref(self.x_desc))
        self.call("CreateTensorDescriptor", ctypes.byref(self.params))

    def version(self):
        return version(self.library)

    def call(self, name, *arguments):
        status = getattr(self.library, "cubn" + name)(*arguments)
        if status:
            text = ctypes.create_string_buffer(512)
            self.library.cubnGetLastErrorString(text, ctypes.c_size_t(512))
            raise ValueError(text.value.decode())

    def prepare(self, case):
        """x, per-channel arrays, and the leading arguments of all calls."""
        dims = [ctypes.c_int(size) for size in case.x.shape]
        self.call("SetTensor4dDescriptor", self.x_desc, FORMATS[case.layout], TYPES[case.dtype],
                  *dims)
        self.call("DeriveBNTensorDescriptor", self.params, self.x_desc, SPATIAL)
        kind = "float64" if case.dtype == "float64" else "float32"
        if case.param_dtype != kind:
            raise ValueError("parameters are " + kind)
        real = ctypes.c_double if kind == "float64" else ctypes.c_float
        self.one, self.zero = real(1), real(0)
        x = pack(to_layout(case.x, case.layout), case.dtype)
        return x, [numpy.array(values, kind) for values in
                   (case.scale, case.bias, case.mean, case.var)]

    def result(self, case, y):
        return from_layout(unpack(y, case.dtype), case.layout)

    def train(self, case):
        x, (scale, bias, mean, var) = self.prepare(case)
        y, saved = numpy.empty_like(x), [numpy.zeros_like(scale) for _ in range(2)]
        self.call("BatchNormalizationForwardTraining", self.handle, SPATIAL,
                  ctypes.byref(self.one), ctypes.byref(self.zero), self.x_desc, pointer(x),
                  self.x_desc, pointer(y), self.params, pointer(scale), pointer(bias),
                  ctypes.c_double(case.momentum), pointer(mean), pointer(var),
                  ctypes.c_double(case.epsilon), pointer(saved[0]), pointer(saved[1]))
        return Trained(self.result(case, y), mean, var, saved)

    def infer(self, case):
        x, (scale, bias, mean, var) = self.prepare(case)
        y = numpy.empty_like(x)
        self.call("BatchNormalizationForwardInference", self.handle, SPATIAL,
                  ctypes.byref(self.one), ctypes.byref(self.zero), self.x_desc, pointer(x),
                  self.x_desc, pointer(y), self.params, pointer(scale), pointer(bias),
                  pointer(mean), pointer(var), ctypes.c_double(case.epsilon))
        return self.result(case, y)

    def backward(self, case):
        saved = self.train(case).saved
        x, (scale, _, _, _) = self.prepare(case)
        dy = pack(to_layout(case.dy, case.layout), case.dtype)
        dx, dscale, dbias = numpy.empty_like(x), numpy.empty_like(scale), numpy.empty_like(scale)
        blend = [ctypes.byref(value) for value in (self.one, self.zero) * 2]
        self.call("BatchNormalizationBackward", self.handle, SPATIAL, *blend, self.x_desc,
                  pointer(x), self.x_desc, pointer(dy), self.x_desc, pointer(dx), self.params,
                  pointer(scale), pointer(dscale), pointer(dbias), ctypes.c_double(case.epsilon),
                  pointer(saved[0]), pointer(saved[1]))
        return self.result(case, dx), dscale, dbias


class CubnDescriptors(Descriptors):
    """The functions that cuDNN has, too, by the questions to cuDNN."""
    name = "cubn-descriptors"

    def __init__(self):
        super().__init__(load(), "cubn", (ROOT / "include" / "cubn.h").read_text())

    def version(self):
        return version(self.library)


LIBRARIES = [Cubn(), CubnDescriptors()]
