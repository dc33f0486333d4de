#!/usr/bin/env python3
"""Draws a picture per run of bench/results: time over floor, share of the copy rate, and the peers'
times over cubn's, for each problem.

    bench/report/pictures.py [--results bench/results] [--emulated]

Writes bench/results/DEVICE/pictures/RUN.svg. Needs matplotlib.
"""

import argparse
import pathlib
import sys

from records import load_gpus, pass_of, short_name

COLORS = {"cubn": "#1b6ca8", "cuDNN": "#76a21e", "PyTorch eager": "#d9822b",
          "PyTorch compiled": "#8a4f9e"}


def values(run, problems, measure, peers):
    """Per peer one number per problem, None where there is none."""
    found = {}
    for peer in peers:
        numbers = [measure(run, problem, peer) for problem in problems]
        if any(numbers):
            found[peer] = numbers
    return found


def over_floor(run, problem, peer):
    record = run.best(problem, peer)
    return run.over_floor(record) if record else None


def share(run, problem, peer):
    over = over_floor(run, problem, peer)
    return 100 / over if over else None


def ratio(run, problem, peer):
    own, other = run.best(problem, "cubn"), run.best(problem, peer)
    return other["median_us"] / own["median_us"] if own and other else None


PANELS = [("time over floor", over_floor, True, 1), ("% of the copy rate", share, True, 100),
          ("peer's time over cubn's", ratio, False, 1)]


def draw_panel(axes, run, problems, panel):
    """Bars in groups, one group per problem."""
    title, measure, shows_own, line = panel
    peers = (["cubn"] if shows_own else []) + run.peers()
    found = values(run, problems, measure, peers)
    width = 0.8 / max(1, len(found))
    for index, (peer, numbers) in enumerate(found.items()):
        at = [i + (index - (len(found) - 1) / 2) * width for i in range(len(numbers))]
        axes.bar(at, [n or 0 for n in numbers], width, label=peer, color=COLORS[peer])
    axes.axhline(line, color="black", linewidth=0.8)
    axes.set_ylabel(title)
    axes.set_xticks(range(len(problems)))
    axes.set_xticklabels([short_name(p) for p in problems], rotation=60, ha="right", fontsize=7)
    axes.grid(axis="y", linewidth=0.3)
    axes.set_axisbelow(True)
    if found:
        axes.legend(fontsize=7)
    else:
        axes.text(0.5, 0.5, "no peer was timed", ha="center", transform=axes.transAxes)


def draw_run(pyplot, run, path):
    passes = run.passes()
    widest = max(sum(pass_of(p) == name for p in run.problems()) for name in passes)
    figure, grid = pyplot.subplots(len(PANELS), len(passes), squeeze=False,
                                   figsize=((1.5 + 0.5 * widest) * len(passes), 10))
    for column, name in enumerate(passes):
        problems = [p for p in run.problems() if pass_of(p) == name and run.best(p, "cubn")]
        for line, panel in enumerate(PANELS):
            draw_panel(grid[line][column], run, problems, panel)
        grid[0][column].set_title("%s: %s" % (run.name, name), fontsize=9)
    device = run.head.get("device", "").split(",")[0]
    figure.suptitle("%s, commit %s" % (device, run.head.get("commit", "?")), fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", default=root / "bench" / "results")
    parser.add_argument("--emulated", action="store_true", help="results of the emulator")
    options = parser.parse_args()
    try:
        import matplotlib
    except ImportError:
        print("pictures.py: matplotlib is not installed (scripts/setup.sh bench)", file=sys.stderr)
        return 1
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "cubn"  # the same file from the same numbers
    from matplotlib import pyplot
    drawn = 0
    for folder, runs in load_gpus(options.results, options.emulated):
        (folder / "pictures").mkdir(exist_ok=True)
        for run in runs:
            if not run.is_host() and any(run.best(p, "cubn") for p in run.problems()):
                draw_run(pyplot, run, folder / "pictures" / (run.name + ".svg"))
                drawn += 1
    print("%d pictures" % drawn if drawn else "pictures.py: there are no results of a GPU yet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
