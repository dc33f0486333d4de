"""cuDNN, which computes on a GPU only: what it answers without one. The name has the version, of
which there are two."""

import ctypes
import importlib.util
import pathlib
import sys

from libraries.descriptors import Descriptors


class Cudnn(Descriptors):
    name, package = sys.argv[1], "nvidia-cudnn-cu13"

    def __init__(self):
        spec = importlib.util.find_spec("nvidia.cudnn")
        folder = pathlib.Path(spec.submodule_search_locations[0])
        super().__init__(ctypes.CDLL(str(folder / "lib" / "libcudnn.so.9"), ctypes.RTLD_GLOBAL),
                         "cudnn", (folder / "include" / "cudnn_ops.h").read_text())


LIBRARIES = [Cudnn()]
