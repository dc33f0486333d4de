"""darknet's layer batchnorm, of Debian's package. Its momentum and epsilon are constants."""

import ctypes
import subprocess

import native
import numpy
from native import SOURCES, floats, pointer

from cases import Library, Missing, Trained

LIBRARY = SOURCES / "usr/lib/darknet"


def read(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_stand_ins():
    """The package is linked to OpenCV, for pictures; none of that is called here."""
    missing = [line.split()[-1] for line in
               read("nm", "-D", "--undefined-only", LIBRARY / "libdarknet.so").splitlines()]
    code = "".join("void %s(void) { __builtin_trap(); }\n" % name for name in missing
                   if name.startswith("_ZN") and "2cv" in name)
    for entry in read("readelf", "-d", LIBRARY / "libdarknet.so").split("[")[1:]:
        name = entry.partition("]")[0]
        if name.startswith("libopencv"):
            subprocess.run(["gcc", "-shared", "-x", "c", "-", "-Wl,-soname," + name, "-o",
                            LIBRARY / name], input=code, check=True, text=True)


def load():
    make_stand_ins()
    return native.build("gcc", "darknet.c", "-I", LIBRARY / "include", "-L", LIBRARY, "-ldarknet",
                        "-Wl,--disable-new-dtags,--allow-shlib-undefined,-rpath," + str(LIBRARY))


class Darknet(Library):
    name = "darknet"
    types = ("float32",)
    fixed = (0.01, 1e-6)
    other_formula = True

    def __init__(self):
        self.library = load()

    def version(self):
        text = (SOURCES / "version").read_text()
        return text.strip()

    def run(self, case, training):
        x, mean, var = floats(case.x), floats(case.mean), floats(case.var)
        y = numpy.empty_like(x)
        self.library.facts_run((ctypes.c_int * 4)(*x.shape), training, pointer(x),
                               pointer(floats(case.scale)), pointer(floats(case.bias)),
                               pointer(mean), pointer(var), pointer(y))
        return Trained(y, mean, var)

    def train(self, case):
        return self.run(case, 1)

    def infer(self, case):
        return self.run(case, 0).y

    def backward(self, case):
        raise Missing("not run")


LIBRARIES = [Darknet()]
