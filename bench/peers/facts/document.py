#!/usr/bin/env python3
"""Writes docs/PEERS.md from the answers in measured/, or checks that it is what they make.

    bench/peers/facts/document.py [--check]

Needs Python only. scripts/peers.sh makes the answers."""

import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[2] / "docs" / "PEERS.md"
ERRORS = ("error_y_nchw", "error_y_nhwc", "error_dx")

TITLES = {
    "cubn": "cubn", "pytorch": "PyTorch", "pytorch-compile": "PyTorch, torch.compile",
    "keras-torch": "Keras on PyTorch", "onednn": "oneDNN", "onnxruntime": "ONNX Runtime",
    "onnx-reference": "ONNX, reference evaluator", "openvino": "OpenVINO",
    "tensorflow": "TensorFlow, fused op", "tensorflow-xla": "TensorFlow, XLA",
    "tf-keras": "tf_keras", "keras-tensorflow": "Keras on TensorFlow", "flax": "Flax",
    "flax-slow-variance": "Flax, use_fast_variance=False", "haiku": "Haiku",
    "equinox-batch": "Equinox, batch", "equinox-ema": "Equinox, ema",
    "keras-jax": "Keras on JAX", "paddle": "PaddlePaddle", "mindspore": "MindSpore",
    "mxnet": "MXNet", "chainer": "Chainer", "mlx": "MLX", "tinygrad": "tinygrad", "tvm": "TVM",
    "ncnn": "ncnn", "opencv": "OpenCV dnn", "opencv-classic": "OpenCV dnn, classic engine",
    "dlib": "dlib", "darknet": "darknet"}
# Asked what they answer without a GPU.
CUDNN_TITLES = {"cudnn-9.19": "cuDNN 9.19", "cudnn-9.28": "cuDNN 9.28", "cubn-descriptors": "cubn"}

# Per table: its title, what it says, and its columns {heading: question}.
TABLES = [
    ("Statistics and arguments",
     "The variance that normalizes in training, and the one that the running statistics receive: "
     "biased is the sum of squares over m, unbiased over m - 1. Which value the momentum argument "
     "weighs, and its default. The default epsilon, inside or outside the root.",
     {"y by": "y_variance", "running variance": "running_var", "momentum": "momentum",
      "epsilon": "epsilon"}),
    ("Edges of training",
     "One value per channel, with scale 2 and bias 3: y, and the running variance, which was 1. "
     "A batch of 0 images: the running statistics, which were 0.5 and 2. NaN in the running "
     "statistics and a momentum with which only the new value counts. NaN in one channel of x: y "
     "of that channel, and the results of the other one.",
     {"one value": "one_value", "empty batch": "empty_batch", "NaN before": "nan_before",
      "NaN in a channel": "nan_channel"}),
    ("Inference",
     "y of x = 0 and x = 1, mean 0, scale 1, bias 0, with a variance and epsilon that are both 0, "
     "and with variance -1 and epsilon 1e-5. What becomes of x = 1e-39, which is subnormal.",
     {"variance 0": "zero_variance", "variance -1": "negative_variance",
      "subnormal": "subnormal"}),
    ("Types, layouts, and what is saved",
     "Types of x that are computed, with parameters of the same type or of float32 (/float32). "
     "Orders in memory. What forward keeps for backward, where it can be seen (PyTorch: for "
     "float32 and for bfloat16 throughout).",
     {"types": "types", "layouts": "layouts", "saved": "saved"}),
    ("Errors far from zero",
     "Largest error of y in training, and of dx in the layout that the table above names first, "
     "for float32: against the formula in double, 8192 values per channel, standard deviation 1, "
     "and means 0, 10, 100, 1000, 10000.",
     {"y, NCHW": "error_y_nchw", "y, NHWC": "error_y_nhwc", "dx": "error_dx"})]
QUESTIONS = [question for table in TABLES for question in table[2].values()]

CUDNN_TEXT = """\
cuDNN computes on a GPU only. Descriptors, statuses and messages need none, and cubn has the same
functions under its own names ([the calls](../bench/peers/facts/libraries/descriptors.py)). Statuses
are without CUDNN_STATUS_ or CUBN_STATUS_. A tensor is 2 x 3 x 4 x 5 of float32 where nothing else
is said. What the differences mean: [COMPATIBILITY.md](COMPATIBILITY.md)."""
CUDNN_QUESTIONS = {
    "version": "version", "date": "measured",
    "exports": "functions of normalization that cuDNN 9.19 exports",
    "min_epsilon": "BN_MIN_EPSILON of the header",
    "handle": "create a handle",
    "null_handle": "size of the reserve space, handle NULL",
    "status_names": "names of status numbers",
    "refusal_text": "message of a refusal (c = -2)",
    "second_text": "the message, read again",
    "large_text": "65536 x 65536 elements: status, message",
    "set_types": "type of a tensor: type of the parameters derived from it, or the refusal",
    "derived": "dimensions/strides that are derived: spatial from NHWC, per activation, in place "
               "from rank 5",
    "never_set": "a descriptor that was never set",
    "ranks": "rank, by the setter with strides",
    "ranks_ex": "rank, by the setter with an order",
    "dimensions": "dimensions",
    "strides": "strides: bytes of the tensor, or the refusal",
    "kept": "dimensions refused: what the descriptor has then",
    "getter_rank_5": "4-D getter of 2 x 3 x 4 x 5 x 6",
    "activation": "activation descriptor",
    "computing": "computations"}

HEAD = """\
# What other libraries compute

Every answer is measured: `scripts/peers.sh` installs the versions named here, runs each of them on
a CPU (x86-64) by [the same questions](../bench/peers/facts/ask.py), and writes
[the answers](../bench/peers/facts/README.md), from which `make peers` makes this page. What a port
from them must convert: [COMPATIBILITY.md](COMPATIBILITY.md).

"none" and a word: the question has no meaning there, or the answer cannot be seen. "error" and a
type: the library refuses.

![Largest error of y over the mean](pictures/peers_error.svg)
"""


class Wrong(Exception):
    pass


def read_answers(path):
    """{name: {question: answer}} of a file; its version is a question, too."""
    libraries = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split(" ", 3)
        if len(words) != 4 or not words[3].strip():
            raise Wrong("%s:%d: expected NAME VERSION QUESTION ANSWER" % (path, number))
        name, version, question, answer = words
        answers = libraries.setdefault(name, {"version": version})
        if question in answers or version != answers["version"]:
            raise Wrong("%s:%d: %s is there already, or of another version"
                        % (path, number, question))
        answers[question] = answer
    for name, answers in libraries.items():
        check_answers(path, name, answers)
    return libraries


def check_answers(path, name, answers):
    if name not in TITLES and name not in CUDNN_TITLES:
        raise Wrong("%s: %s has no title in document.py" % (path, name))
    asked = QUESTIONS if name in TITLES else CUDNN_QUESTIONS
    missing = {"date", "version", *asked} ^ set(answers)
    if missing:
        raise Wrong("%s: %s lacks, or should not have: %s"
                    % (path, name, ", ".join(sorted(missing))))
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", answers["date"]):
        raise Wrong("%s: date %s" % (path, answers["date"]))
    for question in set(ERRORS) & set(answers):
        words = answers[question].split()
        if words[0] not in ("none", "error"):
            if len(words) != 5:
                raise Wrong("%s: %s %s needs five numbers" % (path, name, question))
            for word in words:
                float(word)


def pairs_of(path):
    """(name, rest) of the lines of a list."""
    return [line.split(None, 1) for line in path.read_text().splitlines()
            if line and not line.startswith("#")]


def load(titles=None):
    """{name: answers} of the libraries that have a title there, in the order of libraries.txt."""
    titles = titles or TITLES
    names = [name for name, _ in pairs_of(HERE / "libraries.txt")]
    extra = {path.stem for path in (HERE / "measured").glob("*.txt")} ^ set(names)
    if extra:
        raise Wrong("measured/ and libraries.txt differ: " + ", ".join(sorted(extra)))
    libraries = {}
    for name in names:
        libraries.update(read_answers(HERE / "measured" / (name + ".txt")))
    return {name: answers for name, answers in libraries.items() if name in titles}


def cell(answer):
    return answer.replace("none ", "none: ").replace("error ", "error: ").replace("|", "\\|")


def row(cells):
    return "| " + " | ".join(cells) + " |\n"


def wrapped(text, **more):
    return textwrap.fill(text, 100, break_on_hyphens=False, break_long_words=False, **more) + "\n"


def make_table(title, text, columns, libraries):
    first = title == TABLES[0][0]
    heads = ["library"] + (["version", "measured"] if first else []) + list(columns)
    made = "\n## %s\n\n%s\n" % (title, wrapped(text)) + row(heads) + row(["---"] * len(heads))
    for name, answers in libraries.items():
        cells = [cell(answers[question]) for question in columns.values()]
        if all(text.startswith("none") for text in cells):
            continue
        about = [answers["version"], answers["date"]] if first else []
        made += row([TITLES[name]] + about + cells)
    return made


def make_cudnn_table(libraries):
    names = [name for name in CUDNN_TITLES if name in libraries]
    made = "\n## cuDNN without a GPU\n\n%s\n\n" % CUDNN_TEXT
    made += row(["what"] + [CUDNN_TITLES[name] for name in names]) + row(["---"] * (1 + len(names)))
    return made + "".join(row([what] + [cell(libraries[name][question]) for name in names])
                          for question, what in CUDNN_QUESTIONS.items())


def make_document(libraries):
    text = HEAD + "".join(make_table(*table, libraries) for table in TABLES)
    text += make_cudnn_table(load(CUDNN_TITLES)) + "\n## Notes\n\n"
    for _, note in pairs_of(HERE / "notes.txt"):
        text += wrapped("* " + note, subsequent_indent="  ")
    text += "\n## Not run\n\n"
    for name, reason in pairs_of(HERE / "not_run.txt"):
        text += wrapped("* **%s**: %s" % (name.replace("_", " "), reason), subsequent_indent="  ")
    return text


def main():
    try:
        text = make_document(load())
    except (Wrong, OSError, ValueError) as wrong:
        print("document.py: %s" % wrong, file=sys.stderr)
        return 1
    if sys.argv[1:] == ["--check"]:
        if not DOCUMENT.exists() or DOCUMENT.read_text() != text:
            print("docs/PEERS.md is not what bench/peers/facts makes; make peers", file=sys.stderr)
            return 1
    elif sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    else:
        DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
