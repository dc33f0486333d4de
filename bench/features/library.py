"""cubn by ctypes: a handle on the CPU, descriptors, and the structs of tensors of its calls."""

import ctypes
import sys

BATCH_NORM_MEMBERS = (
    "x_desc y_desc z_desc dy_desc dx_desc dz_desc param_desc x scale bias z y dy dx dz dscale "
    "dbias saved_mean saved_inv_std saved_mean_low mean mean_low var inv_std running_mean "
    "running_var previous_running_mean previous_running_var factor reserve reserve_bytes nonfinite "
    "any_nonfinite mask_desc mask lengths saved_r saved_d").split()
DOUBLE_BACKWARD_MEMBERS = (
    "x_desc dy_desc ddx_desc gx_desc ddy_desc param_desc x dy scale ddx ddscale ddbias gx ddy "
    "gscale saved_mean saved_inv_std saved_mean_low mean mean_low var inv_std").split()

NCHW, NHWC = 0, 1
FLOAT, INT8 = 0, 3
SPATIAL = 1
ATTRIBUTES = {"statistics": 1, "virtual_batch": 12, "backward_from": 18, "lengths_dim": 20}
OPS_ACTIVATION = 1
RELU = 1


def struct(name, members):
    """All members are pointers, or as large as one."""
    return type(name, (ctypes.Structure,), {"_fields_": [(m, ctypes.c_void_p) for m in members]})


BatchNormTensors = struct("BatchNormTensors", BATCH_NORM_MEMBERS)
DoubleBackwardTensors = struct("DoubleBackwardTensors", DOUBLE_BACKWARD_MEMBERS)


class Int8Tensors(ctypes.Structure):
    """cubnBatchNormInt8Tensors_t."""
    _fields_ = ([(name, ctypes.c_void_p) for name in ("x_desc", "y_desc", "param_desc", "x")] +
                [("x_scale", ctypes.c_double), ("x_zero_point", ctypes.c_int),
                 ("y", ctypes.c_void_p), ("y_scale", ctypes.c_double),
                 ("y_zero_point", ctypes.c_int)] +
                [(name, ctypes.c_void_p) for name in
                 ("scale", "bias", "mean", "mean_low", "var", "inv_std")])


class Cubn:
    """A handle on the CPU. Every call either succeeds or ends the program with its message."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.library.cubnGetLastErrorString.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        self.handle = self.create("cubnCreateOnDevice", b"cpu")

    def call(self, name, *arguments):
        if getattr(self.library, name)(*arguments) != 0:
            message = ctypes.create_string_buffer(512)
            self.library.cubnGetLastErrorString(message, len(message))
            sys.exit("%s: %s" % (name, message.value.decode()))

    def create(self, name, *arguments):
        created = ctypes.c_void_p()
        self.call(name, ctypes.byref(created), *arguments)
        return created

    def tensor(self, shape, layout, dtype=FLOAT):
        descriptor = self.create("cubnCreateTensorDescriptor")
        self.call("cubnSetTensor4dDescriptor", descriptor, layout, dtype, *shape)
        return descriptor

    def param(self, tensor):
        descriptor = self.create("cubnCreateTensorDescriptor")
        self.call("cubnDeriveBNTensorDescriptor", descriptor, tensor, SPATIAL)
        return descriptor

    def batch_norm(self, relu=False, **attributes):
        """A descriptor of the operation."""
        descriptor = self.create("cubnCreateBatchNormDescriptor")
        for name, value in attributes.items():
            self.call("cubnSetBatchNormAttribute", descriptor, ATTRIBUTES[name],
                      ctypes.c_double(value))
        if relu:
            activation = self.create("cubnCreateActivationDescriptor")
            self.call("cubnSetActivationDescriptor", activation, RELU, 1, ctypes.c_double(0))
            self.call("cubnSetBatchNormActivation", descriptor, OPS_ACTIVATION, activation)
        return descriptor

    def prepared(self, function, descriptor, tensors):
        """The call, without arguments."""
        reference = ctypes.byref(tensors)
        return lambda: self.call(function, self.handle, descriptor, reference)


def fill(struct_of_tensors, descriptors, arrays):
    """Sets the members that are named, descriptors by their handles, arrays by their addresses."""
    struct_of_tensors.arrays = arrays  # lest they are freed
    for name, descriptor in descriptors.items():
        setattr(struct_of_tensors, name, descriptor)
    for name, array in arrays.items():
        setattr(struct_of_tensors, name, array.data_ptr())
    return struct_of_tensors
