#!/usr/bin/env python3
"""Writes the digits of the demo as IDX files.

The images are the "Optical Recognition of Handwritten Digits" of the UCI Machine Learning
Repository (see examples/data/ATTRIBUTION.md), in the copy that scikit-learn brings along: 1797
images of 8 x 8 pixels with values 0 to 16. They are shuffled with a fixed seed and split into 1437
images for training and 360 for testing. Running this again gives the same files:

    python3 -m venv build/digits-venv
    build/digits-venv/bin/pip install scikit-learn==1.9.1
    build/digits-venv/bin/python scripts/make_digits.py examples/data
"""

import pathlib
import random
import struct
import sys

from sklearn.datasets import load_digits

SEED = 20250
TRAINING_IMAGES = 1437


def write_idx(path, dims, values):
    """An IDX file of unsigned bytes."""
    header = struct.pack(">BBBB", 0, 0, 8, len(dims))
    header += struct.pack(">%dI" % len(dims), *dims)
    path.write_bytes(header + bytes(values))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_digits.py DIRECTORY")
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    count, height, width = digits.images.shape
    order = list(range(count))
    random.Random(SEED).shuffle(order)
    parts = {"train": order[:TRAINING_IMAGES], "t10k": order[TRAINING_IMAGES:]}
    for prefix, chosen in parts.items():
        pixels = [int(v) for i in chosen for v in digits.images[i].ravel()]
        labels = [int(digits.target[i]) for i in chosen]
        write_idx(directory / (prefix + "-images-idx3-ubyte"), (len(chosen), height, width), pixels)
        write_idx(directory / (prefix + "-labels-idx1-ubyte"), (len(chosen),), labels)
        print("%s: %d images of %d x %d" % (prefix, len(chosen), height, width))


if __name__ == "__main__":
    main()
