"""What cuDNN answers without a GPU: its descriptors, statuses and texts. cubn is asked the same
through its public functions, which have cuDNN's names with another prefix."""

import ctypes
import re

from cases import Library, Missing

FLOAT, NCHW, NHWC, PER_ACTIVATION, SPATIAL = 0, 0, 1, 0, 1
TYPES = {"float32": 0, "float64": 1, "float16": 2, "int8": 3, "int32": 4, "uint8": 6,
         "bfloat16": 9, "int64": 10, "boolean": 11, "fp8-e4m3": 12, "fp8-e5m2": 13}
NORMALIZATION = (
    ["BatchNormalization" + name for name in
     ("Backward", "BackwardEx", "ForwardInference", "ForwardTraining", "ForwardTrainingEx")]
    + ["DeriveBNTensorDescriptor", "DeriveNormTensorDescriptor"]
    + ["DivisiveNormalization" + name for name in ("Backward", "Forward")]
    + ["GetBatchNormalization" + name for name in
       ("BackwardExWorkspaceSize", "ForwardTrainingExWorkspaceSize",
        "TrainingExReserveSpaceSize")]
    + ["GetNormalization" + name for name in
       ("BackwardWorkspaceSize", "ForwardTrainingWorkspaceSize", "TrainingReserveSpaceSize")]
    + ["Normalization" + name for name in ("Backward", "ForwardInference", "ForwardTraining")])


class Descriptors(Library):
    """A library with cuDNN's functions, whose names begin with prefix; header is the text of the
    file that has its constants."""

    def __init__(self, library, prefix, header):
        self.library, self.prefix, self.header = library, prefix, header
        self.function("GetErrorString").restype = ctypes.c_char_p
        self.x, self.y = self.create("TensorDescriptor"), self.create("TensorDescriptor")

    def function(self, name):
        return getattr(self.library, self.prefix + name)

    def create(self, kind):
        created = ctypes.c_void_p()
        if self.function("Create" + kind)(ctypes.byref(created)):
            raise ValueError("Create" + kind)
        return created

    def named(self, status):
        """A status without CUDNN_STATUS_."""
        return re.sub("^CU(DN|B)N_(STATUS_)?", "", self.function("GetErrorString")(
            status).decode())

    def call(self, name, *arguments):
        return self.named(self.function(name)(*arguments))

    def text(self):
        """The message of the last error, which cuDNN empties when it is read."""
        text = ctypes.create_string_buffer(512)
        self.function("GetLastErrorString")(text, ctypes.c_size_t(512))
        return " ".join(text.value.decode().split()) or "(empty)"

    def set4d(self, dims, dtype=FLOAT, layout=NCHW):
        return self.call("SetTensor4dDescriptor", self.x, layout, dtype, *dims)

    def set_nd(self, dims, strides):
        array = ctypes.c_int * len(dims)
        return self.call("SetTensorNdDescriptor", self.x, FLOAT, len(dims), array(*dims),
                         array(*strides))

    def get_nd(self, descriptor):
        """The status, or (type, dimensions, strides)."""
        dtype, rank, array = ctypes.c_int(), ctypes.c_int(), ctypes.c_int * 8
        dims, strides = array(), array()
        status = self.call("GetTensorNdDescriptor", descriptor, 8, ctypes.byref(dtype),
                           ctypes.byref(rank), dims, strides)
        if status != "SUCCESS":
            raise ValueError(status)
        return dtype.value, dims[:rank.value], strides[:rank.value]

    def size(self):
        size = ctypes.c_size_t()
        status = self.call("GetTensorSizeInBytes", self.x, ctypes.byref(size))
        return status if status != "SUCCESS" else str(size.value)


def dashed(numbers):
    return "x".join(map(str, numbers))


def exports(library):
    """Of the functions of normalization that cuDNN 9.19 exports."""
    missing = [name for name in NORMALIZATION if not hasattr(library.library,
                                                             library.prefix + name)]
    return "%d of %d" % (len(NORMALIZATION) - len(missing), len(NORMALIZATION)) + (
        ", not " + " ".join(missing) if missing else "")


def min_epsilon(library):
    return re.search(r"BN_MIN_EPSILON (\S+)", library.header)[1]


def handle(library):
    """Where there is no GPU."""
    created = ctypes.c_void_p()
    return library.call("Create", ctypes.byref(created))


def null_handle(library):
    size = ctypes.c_size_t()
    return library.call("GetBatchNormalizationTrainingExReserveSpaceSize", None, SPATIAL, 0, None,
                        library.x, ctypes.byref(size))


def status_names(library):
    return " ".join("%d:%s" % (status, library.named(status))
                    for status in (1001, 1005, 2000, 2002, 3, 12345))


def refusal_text(library):
    """After one call that is refused."""
    library.set4d((1, -2, 3, 4))
    return library.text()


def second_text(library):
    """Read a second time."""
    library.set4d((1, -2, 3, 4))
    library.text()
    return "empty" if library.text() == "(empty)" else "the same"


def large_text(library):
    status = library.set4d((1, 1, 65536, 65536))
    return "%s, %s" % (status, library.text()) if status != "SUCCESS" else status


def set_types(library):
    """Types of a 4-D tensor, and what the parameters of one become."""
    found = []
    names = {code: name for name, code in TYPES.items()}
    for name, code in TYPES.items():
        status = library.set4d((2, 3, 4, 5), code)
        if status == "SUCCESS":
            status = library.call("DeriveBNTensorDescriptor", library.y, library.x, SPATIAL)
        if status == "SUCCESS":
            status = names.get(library.get_nd(library.y)[0])
        found.append("%s:%s" % (name, status))
    return " ".join(found)


def derived(library):
    """Dimensions of the parameters of 2 x 3 x 4 x 5 in NHWC, spatial and per activation; of a
    tensor of rank 5; and of a descriptor derived from itself."""
    found = []
    library.set4d((2, 3, 4, 5), layout=NHWC)
    for mode in (SPATIAL, PER_ACTIVATION):
        library.call("DeriveBNTensorDescriptor", library.y, library.x, mode)
        found.append(library.get_nd(library.y))
    library.set_nd((2, 3, 4, 5, 6), (360, 120, 30, 6, 1))
    library.call("DeriveBNTensorDescriptor", library.x, library.x, SPATIAL)
    found.append(library.get_nd(library.x))
    return " ".join("%s/%s" % (dashed(dims), dashed(strides)) for _, dims, strides in found)


def never_set(library):
    """Size, rank, and derivation of a descriptor that was never set."""
    before, library.x = library.x, library.create("TensorDescriptor")
    try:
        rank = "rank %d" % len(library.get_nd(library.x)[1])
    except ValueError as refused:
        rank = str(refused)
    answer = "size %s, get %s, derive %s" % (library.size(), rank, library.call(
        "DeriveBNTensorDescriptor", library.y, library.x, SPATIAL))
    library.x = before
    return answer


def ranks(library):
    return " ".join("%d:%s" % (rank, library.set_nd([1] * rank, [1] * rank))
                    for rank in (0, 1, 2, 8, 9))


def ranks_ex(library):
    """By the setter that takes an order: NCHW, NHWC."""
    found = []
    for layout in (NCHW, NHWC):
        for rank in (2, 3, 4):
            found.append("%s-%d:%s" % ("nhwc" if layout else "nchw", rank, library.call(
                "SetTensorNdDescriptorEx", library.x, layout, FLOAT, rank,
                (ctypes.c_int * rank)(*range(2, 2 + rank)))))
    return " ".join(found)


def dimensions(library):
    """Dimension 0; 2^31 elements, and 2^31 - 65536."""
    return " ".join("%s:%s" % (dashed(dims), library.set4d(dims)) for dims in (
        (2, 0, 4, 5), (1, 1, 65536, 32768), (1, 1, 65536, 32767)))


def strides(library):
    """Of 2 x 3 x 4 x 5, and the size where they are taken."""
    found = []
    for given in ((1000, 100, 10, 2), (60, 20, 0, 1), (0, 20, 5, 1), (30, 20, 5, 1),
                  (-60, 20, 5, -1)):
        status = library.set_nd((2, 3, 4, 5), given)
        found.append("%s:%s" % (",".join(map(str, given)),
                                library.size() if status == "SUCCESS" else status))
    return " ".join(found)


def kept(library):
    """What a setter that is refused leaves of a tensor of 2 x 3 x 4 x 5."""
    found = []
    for dims in ((1, -2, 3, 4), (1, 1, 65536, 65536)):
        library.set4d((2, 3, 4, 5))
        status = library.set4d(dims)
        left = "" if status == "SUCCESS" else "," + dashed(library.get_nd(library.x)[1])
        found.append(dashed(dims) + ":" + status + left)
    return " ".join(found)


def getter_rank_5(library):
    """The 4-D getter."""
    library.set_nd((2, 3, 4, 5, 6), (360, 120, 30, 6, 1))
    values = [ctypes.c_int() for _ in range(9)]
    status = library.call("GetTensor4dDescriptor", library.x, *map(ctypes.byref, values))
    numbers = [value.value for value in values[1:]]
    return status if status != "SUCCESS" else "%s/%s" % (dashed(numbers[:4]), dashed(numbers[4:]))


def activation(library):
    """The mode of a new descriptor; clipped ReLU at -1, ELU with NaN, and mode 8."""
    made = library.create("ActivationDescriptor")
    mode, nan, limit = ctypes.c_int(), ctypes.c_int(), ctypes.c_double()
    library.call("GetActivationDescriptor", made, *map(ctypes.byref, (mode, nan, limit)))
    return "new:%d" % mode.value + "".join(
        " %s:%s" % (name, library.call("SetActivationDescriptor", made, code, 0,
                                       ctypes.c_double(value)))
        for name, code, value in (("clipped-relu-of-minus-1", 3, -1), ("elu-of-nan", 4,
                                                                       float("nan")),
                                  ("mode-8", 8, 1)))


def computing(library):
    """Passes, sizes of workspaces and reserve space."""
    if handle(library) == "SUCCESS":
        raise Missing("asked by the questions of the other tables")
    raise Missing("needs a GPU")


Descriptors.questions = {function.__name__: function for function in (
    exports, min_epsilon, handle, null_handle, status_names, refusal_text, second_text,
    large_text, set_types, derived, never_set, ranks, ranks_ex, dimensions, strides, kept,
    getter_rank_5, activation, computing)}
