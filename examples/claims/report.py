#!/usr/bin/env python3
"""Verdicts and pictures of the claims in docs/LECTURE.md, from the CSV files alone.

    examples/claims/report.py FOLDER [a b ...] [--pictures FOLDER]

prints one line per statement, "claim ID: holds (NUMBERS)" or "claim ID: does not hold (NUMBERS)".
Without matplotlib there are no pictures.
"""

import argparse
import pathlib

import inside
import training

VERDICTS = {"a": training.rates, "b": training.convergence, "c": training.gradients,
            "d": training.distributions, "e": inside.landscape, "f": inside.noise,
            "g": inside.inference, "h": inside.channels, "i": training.ranks}


def main():
    parser = argparse.ArgumentParser(description="Verdicts and pictures of the claims.")
    parser.add_argument("folder", type=pathlib.Path, help="of the CSV files")
    parser.add_argument("claims", nargs="*", help="a to i; default: all")
    parser.add_argument("--pictures", type=pathlib.Path, help="draw pictures into this folder")
    options = parser.parse_args()
    unknown = [c for c in options.claims if c not in VERDICTS]
    if unknown:
        parser.error("expected claims a to i, found '%s'" % unknown[0])
    for claim in options.claims or VERDICTS:
        for verdict in VERDICTS[claim](options.folder):
            print(verdict, flush=True)
        if options.pictures:
            import pictures  # matplotlib is needed only here
            options.pictures.mkdir(parents=True, exist_ok=True)
            pictures.draw(claim, options.folder, options.pictures)


if __name__ == "__main__":
    main()
