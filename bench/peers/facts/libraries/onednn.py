"""oneDNN's primitive batch_normalization on a CPU, by its C API, from .deps/onednn."""

import ctypes
import os
import pathlib
import sys

import numpy

from cases import Library, Trained, from_layout, to_layout

FOLDER = pathlib.Path(__file__).resolve().parents[4] / ".deps" / "onednn"
if str(FOLDER) not in os.environ.get("LD_LIBRARY_PATH", ""):
    # The loader reads it when a process starts; the OpenCL runtime is found by the other.
    os.environ["LD_LIBRARY_PATH"] = str(FOLDER)
    os.environ["OCL_ICD_FILENAMES"] = str(FOLDER / "libintelocl.so")
    os.execv(sys.executable, [sys.executable] + sys.argv)

CPU, IN_ORDER, TRAIN, INFER, BACKWARD = 1, 1, 64, 96, 128
GIVEN, SCALE, SHIFT = 1, 2, 4
TYPES = {"float16": (1, numpy.uint16), "bfloat16": (2, numpy.uint16), "float32": (3, numpy.float32),
         "float64": (7, numpy.float64)}
ARGS = {"src": 1, "dst": 17, "mean": 49, "variance": 50, "scale": 51, "shift": 52,
        "diff_src": 129, "diff_dst": 145, "diff_scale": 255, "diff_shift": 256}
FORWARD = ("src", "dst", "mean", "variance", "scale", "shift")
BACK = ("src", "diff_dst", "diff_src", "mean", "variance", "scale", "diff_scale", "diff_shift")


class Argument(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_int), ("memory", ctypes.c_void_p)]


def pack(values, dtype):
    if dtype == "float16":
        return values.astype(numpy.float16).view(numpy.uint16)
    if dtype == "bfloat16":  # the values of the question are exact in bfloat16
        return (values.view(numpy.uint32) >> 16).astype(numpy.uint16)
    return values.astype(dtype)


def unpack(array, dtype):
    if dtype == "float16":
        return array.view(numpy.float16)
    if dtype == "bfloat16":
        return (array.astype(numpy.uint32) << 16).view(numpy.float32)
    return array


class OneDnn(Library):
    name = "onednn"
    layouts = ("nchw", "nhwc")
    has_default_epsilon = has_default_momentum = False

    def __init__(self):
        self.dnnl = ctypes.CDLL("libdnnl.so.3")
        self.engine = self.create("dnnl_engine_create", CPU, ctypes.c_size_t(0))
        self.stream = self.create("dnnl_stream_create", self.engine, IN_ORDER)

    def version(self):
        self.dnnl.dnnl_version.restype = ctypes.POINTER(ctypes.c_int * 3)
        return "%d.%d.%d" % tuple(self.dnnl.dnnl_version().contents)

    def call(self, name, *arguments):
        status = getattr(self.dnnl, name)(*arguments)
        if status:
            raise ValueError("%s: status %d" % (name, status))

    def create(self, name, *arguments):
        created = ctypes.c_void_p()
        self.call(name, ctypes.byref(created), *arguments)
        return created

    def desc(self, array, dtype, layout):
        """Of an array of channels, or of one of images in their layout in memory."""
        dims, strides = array.shape, [size // array.itemsize for size in array.strides]
        if array.ndim == 4 and layout == "nhwc":
            dims, strides = ([order[i] for i in (0, 3, 1, 2)] for order in (dims, strides))
        kind = ctypes.c_int64 * len(dims)
        return self.create("dnnl_memory_desc_create_with_strides", len(dims), kind(*dims),
                           TYPES[dtype][0], kind(*strides))

    def run(self, case, description, names, arrays):
        primitive = self.create("dnnl_primitive_create", description)
        arguments = (Argument * len(names))()
        for argument, name in zip(arguments, names):
            dtype = case.dtype if arrays[name].ndim == 4 else "float32"
            memory = self.create("dnnl_memory_create",
                                 self.desc(arrays[name], dtype, case.layout), self.engine,
                                 ctypes.c_void_p(arrays[name].ctypes.data))
            argument.arg, argument.memory = ARGS[name], memory.value
        self.call("dnnl_primitive_execute", primitive, self.stream, len(names), arguments)
        self.call("dnnl_stream_wait", self.stream)

    def forward(self, case, kind, flags):
        if case.param_dtype != "float32":
            raise ValueError("parameters are float32")
        x = pack(to_layout(case.x, case.layout), case.dtype)
        arrays = dict(zip(FORWARD, (x, numpy.empty_like(x), case.mean.copy(), case.var.copy(),
                                    case.scale, case.bias)))
        desc = self.desc(x, case.dtype, case.layout)
        made = self.create("dnnl_batch_normalization_forward_primitive_desc_create", self.engine,
                           kind, desc, desc, ctypes.c_float(case.epsilon), flags, None)
        self.run(case, made, FORWARD, arrays)
        y = from_layout(unpack(arrays["dst"], case.dtype), case.layout)
        return y, arrays, made, desc

    def train(self, case):
        y, arrays, _, _ = self.forward(case, TRAIN, SCALE | SHIFT)
        return Trained(y, saved=[arrays["mean"], arrays["variance"]])

    def infer(self, case):
        return self.forward(case, INFER, SCALE | SHIFT | GIVEN)[0]

    def backward(self, case):
        _, arrays, hint, desc = self.forward(case, TRAIN, SCALE | SHIFT)
        arrays["diff_dst"] = pack(to_layout(case.dy, case.layout), case.dtype)
        for name, like in (("diff_src", "src"), ("diff_scale", "scale"), ("diff_shift", "scale")):
            arrays[name] = numpy.empty_like(arrays[like])
        made = self.create("dnnl_batch_normalization_backward_primitive_desc_create", self.engine,
                           BACKWARD, desc, desc, desc, ctypes.c_float(case.epsilon),
                           SCALE | SHIFT, hint, None)
        self.run(case, made, BACK, arrays)
        return from_layout(arrays["diff_src"], case.layout), None, None


LIBRARIES = [OneDnn()]
