#!/usr/bin/env python3
"""Times what cubn has beyond a plain call beside PyTorch doing the same by hand, on the CPU.

    scripts/torch.sh; make lib
    .deps/torch/bin/python bench/features/features.py [--seconds S] [--busy N] [--csv FILE]

Results are compared first. Calls take turns, with flushed caches: the feature, the plain call of
cubn that it is measured against ("like"), PyTorch, and for int8 a copy of the bytes. The median
counts. --busy N runs N processes beside, which compute without pause. All is float32."""

import argparse
import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys

from library import Cubn
from normalization import Layer, from_y, masked, virtual
from other_calls import double_backward, int8
from turns import medians, sample

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIELDS = "feature pass layout problem threads busy implementation median_us min_us calls".split()
SHAPES = ((32, 64, 56, 56), (32, 512, 7, 7))
# Name, passes, and the calls of a layer and pass.
FEATURES = (
    ("mask", ("train", "backward"), lambda layer, back: masked(layer, back, "mask")),
    ("lengths", ("train", "backward"), lambda layer, back: masked(layer, back, "lengths")),
    ("virtual batches of 8", ("train", "backward"), lambda layer, back: virtual(layer, back, 8)),
    ("backward from y", ("backward",), lambda layer, back: from_y(layer)),
    ("double backward", ("backward",), lambda layer, back: double_backward(layer)),
    ("int8", ("infer",), lambda layer, back: int8(layer)))


def records_of(torch, cubn, options, feature, name, shape, channels_last):
    title, _, make_calls = feature
    torch.manual_seed(1)
    layer = Layer(torch, cubn, shape, channels_last)
    times = sample(torch, make_calls(layer, name == "backward"), options.seconds)
    middle = medians(times)
    line = "n%dc%dh%dw%d" % shape
    layout = "nhwc" if channels_last else "nchw"
    print("%-20s %-8s %s %-14s cubn %8.0f us  %5.2f x like  torch %6.2f x cubn%s" % (
        title, name, layout, line, 1e6 * middle["cubn"], middle["cubn"] / middle["like"],
        middle["torch"] / middle["cubn"],
        "  %5.2f x copy" % (middle["cubn"] / middle["copy"]) if "copy" in middle else ""),
          flush=True)
    return [dict(zip(FIELDS, (title, name, layout, line, options.threads, options.busy,
                              implementation, "%.6g" % (1e6 * middle[implementation]),
                              "%.6g" % (1e6 * min(values)), len(values))))
            for implementation, values in times.items()]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--library", default=ROOT / "build/libcubn.so")
    parser.add_argument("--seconds", type=float, default=1, help="per problem")
    parser.add_argument("--busy", type=int, default=0, help="processes that compute beside")
    parser.add_argument("--only", default="", help="features whose names begin so")
    parser.add_argument("--csv", type=pathlib.Path, help="its head goes to a JSON beside")
    return parser.parse_args()


def write(options, torch, records):
    with open(options.csv, "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude", "*"], cwd=ROOT,
                            capture_output=True, text=True, check=False).stdout.strip()
    models = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").open()
              if line.startswith("model name")]
    head = {"device": models[0] if models else "", "threads": options.threads,
            "torch": torch.__version__, "commit": commit,
            "date": datetime.date.today().isoformat(), "seconds": options.seconds}
    options.csv.with_suffix(".json").write_text(json.dumps(head, indent=1) + "\n")


def main():
    options = parse()
    os.environ["CUBN_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch  # reads the environment
    torch.set_num_threads(options.threads)
    cubn = Cubn(options.library)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(options.busy)]
    try:
        records = [record for feature in FEATURES if feature[0].startswith(options.only)
                   for name in feature[1] for shape in SHAPES for channels_last in (False, True)
                   for record in records_of(torch, cubn, options, feature, name, shape,
                                            channels_last)]
    finally:
        for process in busy:
            process.kill()
    if options.csv:
        write(options, torch, records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
