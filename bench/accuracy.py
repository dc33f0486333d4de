#!/usr/bin/env python3
"""Largest errors of y and dx for values far from zero, of cubn and of other libraries in one run.

    bench/accuracy.py [NAME]...      default: all of bench/peers/facts/libraries.txt

The programs and questions are those of scripts/peers.sh. It installs nothing: a library is asked by
the Python of .deps/peers, where scripts/peers.sh --keep NAME puts it, of .deps/torch, where
scripts/setup.sh bench does, or by this one. Those that none of them has are named."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
DEPS = HERE.parent / ".deps"
FACTS = HERE / "peers" / "facts"
sys.path.append(str(FACTS))
import document  # noqa: E402  (the path above leads to it)


def ask(name, environment):
    """The lines of the answers about errors; none where no Python has the library."""
    kept = DEPS / "peers" / environment
    variables = {**os.environ, "PEER_SOURCES": "%s.sources" % kept, "PYTHONDONTWRITEBYTECODE": "1"}
    for python in (kept / "bin/python", DEPS / "torch/bin/python", sys.executable):
        if pathlib.Path(python).exists():
            done = subprocess.run([python, FACTS / "ask.py", name, *document.ERRORS], text=True,
                                  env=variables, capture_output=True)
            if done.returncode == 0:
                return done.stdout.splitlines()
    return []


def print_table(question, answers):
    print("\n%s: mean 0, 10, 100, 1000, 10000; standard deviation 1" % question)
    for (name, version, asked), errors in answers.items():
        if asked == question and errors[0] not in ("none", "error"):
            print("%-32s" % ("%s %s" % (document.TITLES[name], version))
                  + "".join("%9s" % error for error in errors))


def main():
    libraries = [(name, rest.split()[0]) for name, rest in
                 document.pairs_of(FACTS / "libraries.txt") if name not in document.CUDNN_TITLES]
    unknown = set(sys.argv[1:]) - {name for name, _ in libraries}
    if unknown:
        print("accuracy.py: not in libraries.txt: " + ", ".join(sorted(unknown)), file=sys.stderr)
        return 2
    answers, absent = {}, []
    for name, environment in libraries:
        if name in sys.argv[1:] or not sys.argv[1:]:
            lines = ask(name, environment)
            for line in lines:
                library, version, question, *errors = line.split()
                answers[library, version, question] = errors
            if not lines:
                absent.append(name)
    for question in document.ERRORS:
        print_table(question, answers)
    if absent:
        print("\nnot installed (scripts/peers.sh --keep NAME): " + " ".join(absent))
    return "cubn" in absent


if __name__ == "__main__":
    sys.exit(main())
