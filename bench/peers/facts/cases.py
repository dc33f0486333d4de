"""What a library's file receives and returns, the formulas in double, and the inputs."""

import dataclasses
import importlib.metadata

import numpy

MEANS = (0, 10, 100, 1000, 10000)


@dataclasses.dataclass
class Case:
    """One call. Arrays are numpy's in float32, x and dy in NCHW order whatever the layout is: a
    library's file converts them to the layout and the types, and its results back."""
    x: numpy.ndarray
    scale: numpy.ndarray
    bias: numpy.ndarray
    mean: numpy.ndarray
    var: numpy.ndarray
    momentum: float = None  # None: the library's default
    epsilon: float = None  # None: the library's default
    layout: str = "nchw"
    dtype: str = "float32"
    param_dtype: str = "float32"
    dy: numpy.ndarray = None
    other_formula: bool = False  # what y is compared with, see normalized


@dataclasses.dataclass
class Trained:
    """mean and var are the running statistics after the call, None where a library has none; saved
    is what it keeps for backward, {name: array}, None where that cannot be seen."""
    y: numpy.ndarray
    mean: numpy.ndarray = None
    var: numpy.ndarray = None
    saved: dict = None


class Missing(Exception):
    """The library has no such thing; the text says why."""


class Library:
    """A library's file has a subclass for each way to run it, and the list LIBRARIES of them."""
    name = None
    package = None  # whose version counts
    layouts = ("nchw",)
    has_default_momentum = has_default_epsilon = True
    fixed = None  # (momentum, epsilon) where no argument sets them
    other_formula = False  # see Case
    usual_momentum = 0.1  # where the question is not about it and there is no default
    types = ("float32", "float64", "float16", "bfloat16")
    questions = None  # {name: function of the library} in the place of those of ask.py

    def version(self):
        return importlib.metadata.version(self.package)

    def train(self, case):
        raise Missing("inference only")

    def infer(self, case):
        raise Missing("training only")

    def backward(self, case):
        """(dx, dscale, dbias) of the training call."""
        raise Missing("no backward pass")


def to_layout(array, layout):
    return numpy.ascontiguousarray(array.transpose(0, 2, 3, 1)) if layout == "nhwc" else array


def from_layout(array, layout):
    return array.transpose(0, 3, 1, 2) if layout == "nhwc" else array


def make_case(x, **more):
    x = numpy.asarray(x, numpy.float32)
    channels = x.shape[1]
    arrays = {"scale": 1, "bias": 0, "mean": 0, "var": 1}
    for name, value in arrays.items():
        given = more.pop(name, value)
        arrays[name] = numpy.array(numpy.broadcast_to(given, channels), numpy.float32)
    for name in ("momentum", "epsilon"):
        if more.get(name) is not None:
            more[name] = float(more[name])
    return Case(x=x, **arrays, **more)


def small_x():
    """Two channels of 8 values: 1 to 8 (mean 4.5, variance 5.25, or 6 with m - 1), and twice
    that."""
    values = numpy.arange(1, 9, dtype=numpy.float32).reshape(2, 1, 2, 2)
    return numpy.concatenate([values, 2 * values], axis=1)


def spread_x(mean):
    """8192 values in each of 8 channels, standard deviation 1, rounded to float32."""
    values = numpy.random.RandomState(1).standard_normal((8, 8, 32, 32))
    return (mean + values).astype(numpy.float32)


def spread_dy():
    return numpy.random.RandomState(2).standard_normal((8, 8, 32, 32)).astype(numpy.float32)


def by_channel(values):
    return numpy.asarray(values, numpy.float64).reshape(1, -1, 1, 1)


def normalized(case):
    """x_hat and 1 / sqrt(var + epsilon), two passes in double."""
    x = case.x.astype(numpy.float64)
    centered = x - x.mean(axis=(0, 2, 3), keepdims=True)
    var = (centered**2).mean(axis=(0, 2, 3), keepdims=True)
    if case.other_formula:  # the unbiased variance, epsilon outside the root
        count = x.size // x.shape[1]
        inv_std = 1 / (numpy.sqrt(var * count / (count - 1)) + case.epsilon)
    else:
        inv_std = 1 / numpy.sqrt(var + case.epsilon)
    return centered * inv_std, inv_std


def expected_y(case):
    return normalized(case)[0] * by_channel(case.scale) + by_channel(case.bias)


def expected_dx(case):
    x_hat, inv_std = normalized(case)
    dy = case.dy.astype(numpy.float64)
    axes = {"axis": (0, 2, 3), "keepdims": True}
    return by_channel(case.scale) * inv_std * (dy - dy.mean(**axes)
                                               - x_hat * (dy * x_hat).mean(**axes))
