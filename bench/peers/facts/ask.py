#!/usr/bin/env python3
"""Asks a library the questions, and prints its answers as lines NAME VERSION QUESTION ANSWER...

    bench/peers/facts/ask.py NAME [QUESTION]...     NAME: of libraries.txt; default: all questions

It is run by the Python that has the library. scripts/peers.sh and make accuracy do that. An answer
"none WHY" means that the question has no meaning there, "error TYPE" that the library refuses."""

import datetime
import importlib.util
import os
import pathlib
import sys
import warnings

import numpy

from cases import (MEANS, Library, Missing, expected_dx, expected_y, make_case, small_x, spread_dy,
                   spread_x)

QUESTIONS = {}
CHOSEN = {"epsilon": 1e-5, "momentum": 0.25}


def question(function):
    QUESTIONS[function.__name__] = function
    return function


def number(value):
    """As few digits as tell what was computed."""
    return "%.4g" % value


def nearest(value, candidates):
    """The name of the candidate that is within 0.5 % (bfloat16), else the value."""
    for name, candidate in candidates.items():
        if abs(value - candidate) <= 5e-3 * abs(candidate):
            return name
    return number(value)


def defaults(library):
    """What must be given where there are no defaults."""
    given = {} if library.has_default_momentum else {"momentum": library.usual_momentum}
    return given if library.has_default_epsilon else {"epsilon": 1e-5, **given}


def step(library, momentum):
    """(weight of the new mean, what was averaged into the variance) in a training call."""
    done = library.train(make_case(small_x(), momentum=momentum, epsilon=1e-5))
    if done.mean is None:
        raise Missing("no running statistics")
    weight = float(done.mean[0]) / 4.5
    return weight, (float(done.var[0]) - (1 - weight)) / weight


@question
def y_variance(library):
    y = library.train(make_case(small_x(), **CHOSEN)).y
    return nearest(1 / (float(y[0, 0, 0, 1]) - float(y[0, 0, 0, 0])) ** 2,
                   {"biased": 5.25, "unbiased": 6})


@question
def running_var(library):
    return nearest(step(library, 0.25)[1], {"biased": 5.25, "unbiased": 6})


@question
def momentum(library):
    """Which value it weighs, and its default."""
    if library.fixed:
        return "fixed " + number(step(library, None)[0])
    given = step(library, 0.25)[0]
    meaning = nearest(given, {"new": 0.25, "old": 0.75, "debiased": 1})
    if not library.has_default_momentum:
        return meaning + " always-given"
    default = step(library, None)[0]
    return meaning + " " + number(1 - default if meaning == "old" else default)


@question
def epsilon(library):
    """Its default, and whether it stands under the root."""
    if library.fixed:  # a variance so small that the epsilon under the root would hide it
        y = library.infer(make_case(numpy.full((1, 2, 1, 1), 1e-3), var=1e-8))
        epsilon = 1e-3 / float(y[0, 0, 0, 0]) - 1e-4
        return "outside %.3g" % epsilon
    y = library.infer(make_case(numpy.ones((1, 2, 1, 1)), epsilon=0.25))
    place = nearest(float(y[0, 0, 0, 0]), {"inside": 1.25 ** -0.5, "outside": 1 / 1.25})
    if not library.has_default_epsilon:
        return place + " always-given"
    y = library.infer(make_case(numpy.full((1, 2, 1, 1), 1e-3), var=0))
    ratio = 1e-3 / float(y[0, 0, 0, 0])
    return place + " " + "%.3g" % (ratio if place == "outside" else ratio**2)


@question
def one_value(library):
    """y and the running variance of one value per channel; the variance was 1."""
    x = numpy.reshape([5, 6, 7], (1, 3, 1, 1))
    done = library.train(make_case(x, scale=2, bias=3, **defaults(library)))
    y = numpy.asarray(done.y, numpy.float64).ravel()
    if numpy.array_equal(y, [3, 3, 3]):
        answer = "y=bias"
    elif numpy.array_equal(y, [5, 6, 7]):
        answer = "y=x"
    else:
        answer = "y-bias=" + number(max(abs(y - 3)))
    return answer if done.var is None else answer + " variance=" + number(float(done.var[0]))


@question
def empty_batch(library):
    """N = 0: running mean and variance, which were 0.5 and 2."""
    done = library.train(make_case(numpy.zeros((0, 2, 2, 2)), mean=0.5, var=2,
                                   **defaults(library)))
    if numpy.size(done.y):
        return "y-of-%d-elements" % numpy.size(done.y)
    if done.mean is None:
        return "empty-y"
    after = float(done.mean[0]), float(done.var[0])
    return "kept" if after == (0.5, 2) else "mean=%s variance=%s" % tuple(map(number, after))


@question
def nan_before(library):
    """NaN in the running statistics, and a momentum by which only the new value counts."""
    if library.fixed:
        raise Missing("momentum is fixed")
    only_new = 1 if step(library, 0.25)[0] < 0.5 else 0
    done = library.train(make_case(small_x(), mean=numpy.nan, var=numpy.nan, epsilon=1e-5,
                                   momentum=only_new))
    return "stays" if numpy.isnan(done.mean).any() or numpy.isnan(done.var).any() else "replaced"


@question
def nan_channel(library):
    """NaN in one channel of x: the others' results."""
    x = small_x()
    before = library.train(make_case(x, **CHOSEN))
    x[0, 0, 0, 0] = numpy.nan
    after = library.train(make_case(x, **CHOSEN))
    same = numpy.array_equal(before.y[:, 1], after.y[:, 1])
    if before.mean is not None:
        same = same and before.mean[1] == after.mean[1] and before.var[1] == after.var[1]
    own = "all-nan" if numpy.isnan(after.y[:, 0]).all() else "not-all-nan"
    return own + (" others-same" if same else " others-differ")


def infer_two(library, **more):
    x = numpy.reshape([0, 1], (2, 1, 1, 1)).repeat(2, axis=1)
    y = library.infer(make_case(x, **more))
    return " ".join(number(float(v)) for v in y[:, 0, 0, 0])


@question
def zero_variance(library):
    """Inference with variance 0 and epsilon 0: y of mean and of mean + 1."""
    if library.fixed:
        raise Missing("epsilon is fixed")
    return infer_two(library, var=0, epsilon=0)


@question
def negative_variance(library):
    """Inference with variance -1 and epsilon 1e-5: y of mean and of mean + 1."""
    return infer_two(library, var=-1, epsilon=1e-5)


@question
def subnormal(library):
    """Inference: y of x = 1e-39, mean 0, variance 1."""
    y = library.infer(make_case(numpy.full((8, 8, 32, 32), 1e-39), epsilon=1e-5))
    zeros = int((y == 0).sum())
    return {0: "kept", y.size: "zero"}.get(zeros, "%d-of-%d-zero" % (zeros, y.size))


def classify(array):
    return nearest(float(numpy.ravel(array)[0]), {
        "mean": 4.5, "var": 5.25, "unbiased-var": 6, "inv-std": 5.25 ** -0.5, "std": 5.25 ** 0.5})


@question
def saved(library):
    """What a training call keeps for its backward pass, for float32 and for bfloat16 throughout."""
    done = library.train(make_case(small_x(), **CHOSEN))
    if done.saved is None:
        raise Missing("not visible")
    return " ".join(classify(a) + ":" + str(a.dtype) for a in done.saved)


@question
def types(library):
    """Types of x that are taken, with parameters of float32 (/float32) or of x's type."""
    run, expected = library.train, expected_y
    if type(library).train is Library.train:  # inference with mean 0 and variance 1
        run, expected = library.infer, lambda case: case.x / numpy.sqrt(1 + case.epsilon)
    taken = []
    for dtype in library.types:
        tolerance = {"float16": 3e-2, "bfloat16": 0.2}.get(dtype, 1e-4)
        for params in dict.fromkeys((dtype, "float32")):
            case = make_case(small_x(), **CHOSEN, dtype=dtype, param_dtype=params,
                             other_formula=library.other_formula)
            try:
                done = run(case)
                error = abs(numpy.asarray(getattr(done, "y", done), numpy.float64) - expected(case))
            except Exception:
                continue
            taken.append(dtype + ("/float32" if params != dtype else "")
                         + ("" if error.max() < tolerance else ":wrong"))
    return " ".join(taken) or "none"


@question
def layouts(library):
    return " ".join(library.layouts)


def errors(library, layout, compute, expected):
    if layout not in library.layouts:
        raise Missing("layout")
    found = []
    for mean in MEANS:
        case = make_case(spread_x(mean), **CHOSEN, layout=layout, dy=spread_dy(),
                         other_formula=library.other_formula)
        if library.fixed:
            case.epsilon = library.fixed[1]
        difference = numpy.asarray(compute(case), numpy.float64) - expected(case)
        found.append("%.1e" % abs(difference).max())
    return " ".join(found)


@question
def error_y_nchw(library):
    """Largest error of y at the means 0, 10, 100, 1000 and 10000, standard deviation 1."""
    return errors(library, "nchw", lambda case: library.train(case).y, expected_y)


@question
def error_y_nhwc(library):
    return errors(library, "nhwc", lambda case: library.train(case).y, expected_y)


@question
def error_dx(library):
    """The same of dx, in the library's first layout; dy has standard deviation 1."""
    return errors(library, library.layouts[0], lambda case: library.backward(case)[0], expected_dx)


def answer(library, name, function):
    try:
        return function(library)
    except Missing as missing:
        return "none " + str(missing).replace(" ", "-")
    except Exception as failure:
        print("%s %s: %s" % (library.name, name, str(failure)[:300]), file=sys.stderr)
        return "error " + type(failure).__name__


def load(name):
    """The module libraries/NAME.py, or libraries/BEGIN.py for BEGIN-VARIANT."""
    folder = pathlib.Path(__file__).resolve().parent / "libraries"
    path = folder / (name.replace("-", "_") + ".py")
    if not path.exists():
        begin, _, variant = name.partition("-")
        path = folder / (begin + ".py")
        os.environ["KERAS_BACKEND"] = variant
    spec = importlib.util.spec_from_file_location("facts_" + path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    numpy.seterr(all="ignore")
    for library in load(sys.argv[1]).LIBRARIES:
        begin = "%s %s" % (library.name, library.version())
        print(begin, "date", datetime.date.today().isoformat(), flush=True)
        for name, function in (library.questions or QUESTIONS).items():
            if name in sys.argv[2:] or not sys.argv[2:]:
                print(begin, name, answer(library, name, function), flush=True)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # without the libraries' own clean-up, in which some fail
