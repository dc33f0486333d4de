#!/usr/bin/env python3
"""Writes what bench/results says: a page per device, and the summaries of docs/PERFORMANCE.md.

    bench/report/performance.py [--results bench/results] [--document docs/PERFORMANCE.md]

bench/results/DEVICE/README.md lists all problems between two markers; a device without a page gets
one. Text outside the markers is kept. With --check nothing is written: the exit status is 1 if a
document is not up to date. --emulated includes times of the CUDA emulator, which mean nothing.
"""

import argparse
import pathlib
import sys

import busy_chapter
import cpu_chapter
import features_chapter
import gaps_chapter
import gpu_chapter
import host_chapter
from markdown import BEGIN, END, replace
from records import load_devices


def make_page(device, path):
    lines = ["Times are those of [the benchmark](../../README.md)."
             " [How the files are organized](../README.md).", ""]
    if device.cpus:
        lines += cpu_chapter.make_page(device, path)
    if device.gpus:
        lines += gpu_chapter.make_page(device, path)
    return {"results": "\n".join(lines + host_chapter.make_page(device))}


def make_summaries(devices, path):
    return {"cpu summary": cpu_chapter.make_summary(devices, path),
            "cpu busy": busy_chapter.make_summary(devices),
            "cpu features": features_chapter.make_summary(devices),
            "cpu gaps": gaps_chapter.make_summary(devices),
            "cpu worst": cpu_chapter.make_slow(devices),
            "host summary": host_chapter.make_summary(devices, path),
            "gpu summary": gpu_chapter.make_summary(devices, path)}


def update(path, text, chapters, check):
    """Returns 0, or 1 if the document is not up to date, or 2 if it lacks markers."""
    made = text
    for name, chapter in chapters.items():
        made = replace(made, name, chapter)
        if made is None:
            print("performance.py: %s lacks the markers of \"%s\"" % (path, name), file=sys.stderr)
            return 2
    if not check:
        path.write_text(made)
        return 0
    if not path.exists() or made != path.read_text():
        print("performance.py: %s is not up to date: make performance" % path, file=sys.stderr)
        return 1
    return 0


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", default=root / "bench" / "results")
    parser.add_argument("--document", default=root / "docs" / "PERFORMANCE.md", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--emulated", action="store_true", help="include results of the emulator")
    options = parser.parse_args()
    devices = load_devices(options.results, options.emulated)
    document = options.document
    results = [update(document, document.read_text(), make_summaries(devices, document),
                      options.check)]
    for device in devices:
        page = device.folder / "README.md"
        text = page.read_text() if page.exists() else (
            "# Results: %s\n\n%s\n%s\n" % (device.name(), BEGIN % "results", END % "results"))
        results.append(update(page, text, make_page(device, page), options.check))
    return max(results)


if __name__ == "__main__":
    sys.exit(main())
