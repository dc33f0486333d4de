#!/usr/bin/env python3
"""Largest errors of y and dx for values far from zero, of cubn and of its peers in the same run,
against the oracle of the tests (long double).

    bench/accuracy.py [--device cpu] [--bench build/cubn-bench]

oneDNN is found as the benchmark finds it (bench/README.md), PyTorch if Python has it."""

import argparse
import csv
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = {"nchw": "n8c16h56w56", "nhwc": "n8c16h56w56"}
LINES = ["%s %s f32 %s mean=%s data=spread" % (direction, layout, sizes, mean)
         for direction in ("train", "infer", "backward") for layout, sizes in SIZES.items()
         for mean in ("1", "100", "1e4", "1e6")]


def read(path):
    """{(problem, implementation): largest error of its variants}"""
    errors = {}
    with open(path, newline="") as file:
        for record in csv.DictReader(file):
            if record["max_error"]:
                key = (record["problem"], record["implementation"])
                errors[key] = max(errors.get(key, 0), float(record["max_error"]))
    return errors


def run_torch(folder):
    if importlib.util.find_spec("torch") is None:
        return {}
    lines = pathlib.Path(folder, "lines")
    lines.write_text("\n".join(LINES) + "\n")
    result = pathlib.Path(folder, "torch.csv")
    subprocess.run([sys.executable, ROOT / "bench/peers/torch_bn.py", "--csv", result, lines],
                   check=True, stdout=subprocess.DEVNULL)
    return read(result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bench", default=str(ROOT / "build/cubn-bench"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder, "cubn.csv")
        subprocess.run([options.bench, "--device", options.device, "--peers", "--warm",
                        "--seconds", "1e-6", "--csv", result] + LINES, check=True,
                       stdout=subprocess.DEVNULL)
        errors = read(result)
        errors.update(run_torch(folder))
    peers = [peer for peer in ("cubn", "onednn", "cudnn", "torch")
             if any(key[1] == peer for key in errors)]
    print("%-40s%s" % ("largest error of y or dx, std 1", "".join("%12s" % peer for peer in peers)))
    problems = list(dict.fromkeys(problem for problem, _ in errors))
    for problem in problems:
        values = [errors.get((problem, peer)) for peer in peers]
        print("%-40s" % problem.replace(" data=spread", "")
              + "".join("%12s" % ("" if v is None else "%.1e" % v) for v in values))
    return 0


if __name__ == "__main__":
    sys.exit(main())
