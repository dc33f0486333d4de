"""Compiles a file of native/ against the sources that scripts/peers.sh fetched, and loads it."""

import ctypes
import os
import pathlib
import subprocess

import numpy

SOURCES = pathlib.Path(os.environ.get("PEER_SOURCES", ".")).resolve()
HERE = pathlib.Path(__file__).resolve().parent / "native"


def build(compiler, source, *options):
    library = SOURCES / ("facts_" + source.partition(".")[0] + ".so")
    if not library.exists():
        command = [compiler, "-O2", "-fPIC", "-shared", "-o", library, HERE / source, *options]
        subprocess.run(command, check=True)
    return ctypes.CDLL(library)


def floats(values):
    return numpy.array(values, numpy.float32, order="C")


def pointer(array):
    """It keeps the array alive."""
    return array.ctypes.data_as(ctypes.c_void_p)
