#!/usr/bin/env python3
"""Draws bench/results/DEVICE/pictures/RUN.svg, and docs/pictures/cpu_speed.svg for the README.

    bench/report/pictures.py [--results bench/results] [--speed docs/pictures/cpu_speed.svg]

Needs matplotlib (scripts/setup.sh bench).
"""

import argparse
import io
import pathlib
import re
import sys

from records import PASSES, geometric_mean, load_devices, short_name

COLORS = {"cubn": "#1b6ca8", "copy": "#1b6ca8", "oneDNN": "#76a21e", "oneDNN 16c": "#d9822b",
          "cuDNN": "#76a21e", "PyTorch eager": "#d9822b", "PyTorch compiled": "#8a4f9e"}
PROBLEMS_MIN = 4  # a run with fewer problems per pass needs no picture
SPEED_RUNS = {"cpu-resnet50-nchw-f32": "NCHW f32", "cpu-resnet50-nhwc-f32": "NHWC f32",
              "cpu-resnet50-nchw-bf16": "NCHW bf16"}
SPEED_TITLES = {"train": "forward, training", "backward": "backward", "infer": "inference"}


def load_pyplot():
    """matplotlib.pyplot with text as text and the same file from the same numbers, or None."""
    try:
        import matplotlib
    except ImportError:
        print("pictures.py: matplotlib is not installed (scripts/setup.sh bench)", file=sys.stderr)
        return None
    matplotlib.use("svg")
    from matplotlib import pyplot
    pyplot.rcParams.update({
        "svg.fonttype": "none", "svg.hashsalt": "cubn", "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"], "font.size": 8,
        "axes.titlesize": 9, "xtick.bottom": False, "ytick.left": False,
        "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": "#e0e0e0", "grid.linewidth": 0.5,
        "axes.axisbelow": True, "legend.frameon": False, "legend.fontsize": 7})
    return pyplot


def save(pyplot, figure, path):
    """SVG without a date, with coordinates rounded to what can be seen."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    path.parent.mkdir(exist_ok=True)
    path.write_text(re.sub(r"(?<![\d.])[1-9]\d*\.\d{3,}", lambda m: "%.2f" % float(m[0]),
                           text.getvalue()))


def name_problems(axes, problems):
    axes.set_xticks(range(len(problems)))
    axes.set_xticklabels([short_name(p) for p in problems], rotation=60, ha="right",
                         rotation_mode="anchor", fontsize=7)


def draw_bars(axes, problems, series):
    """Groups of bars, one group per problem. series: {implementation: value per problem or None}"""
    found = {name: values for name, values in series.items() if any(values)}
    width = 0.8 / max(1, len(found))
    for index, (name, values) in enumerate(found.items()):
        positions = [i + (index - (len(found) - 1) / 2) * width for i in range(len(values))]
        axes.bar(positions, [v or 0 for v in values], width, label=name, color=COLORS[name])
    axes.axhline(1, color="black", linewidth=0.8)
    name_problems(axes, problems)
    if found:
        axes.legend(loc="upper left", ncol=len(found))
        axes.set_ylim(top=1.15 * axes.get_ylim()[1])
    else:
        axes.text(0.5, 0.5, "no peer was timed", ha="center", transform=axes.transAxes)


def draw_cpu_run(pyplot, run, path):
    """Per pass: time of cubn and of oneDNN over that of the faster copy."""
    passes = run.passes()
    figure, grid = pyplot.subplots(1, len(passes), squeeze=False, figsize=(5 * len(passes), 3.6))
    for axes, name in zip(grid[0], passes):
        problems = run.problems(name)
        draw_bars(axes, problems, {peer: [run.ratio(p, peer, "copy") for p in problems]
                                   for peer in ("cubn", "oneDNN", "oneDNN 16c")})
        axes.set_title("%s: %s" % (run.name[4:], name))
        axes.set_ylabel("time over that of a copy")
    figure.tight_layout()
    save(pyplot, figure, path)


def draw_gpu_run(pyplot, run, path):
    """Per pass: time over floor of cubn and its peers, and the peers' time over that of cubn."""
    passes = run.passes()
    widest = max(len(run.problems(name)) for name in passes)
    figure, grid = pyplot.subplots(2, len(passes), squeeze=False,
                                   figsize=((1.5 + 0.5 * widest) * len(passes), 7))
    for column, name in enumerate(passes):
        problems, peers = run.problems(name), run.peers()
        draw_bars(grid[0][column], problems,
                  {peer: [run.over_floor(run.best(p, peer)) for p in problems]
                   for peer in ["cubn"] + peers})
        draw_bars(grid[1][column], problems, {peer: [run.ratio(p, peer, "cubn") for p in problems]
                                              for peer in peers})
        grid[0][column].set_title("%s: %s" % (run.name, name))
        grid[0][column].set_ylabel("time over floor")
        grid[1][column].set_ylabel("peer's time over that of cubn")
    device = run.head.get("device", "").split(",")[0]
    figure.suptitle("%s, commit %s" % (device, run.head.get("commit", "?")), fontsize=9)
    figure.tight_layout()
    save(pyplot, figure, path)


def draw_speed_panel(axes, run, name):
    """Time of cubn over that of oneDNN and of a copy, per layer, with their geometric means."""
    for peer, marker in (("copy", "o"), ("oneDNN", "s")):
        pairs = run.ratios(name, "cubn", peer)
        axes.plot([value for value, _ in pairs], marker=marker, markersize=3.5, linewidth=1,
                  color=COLORS[peer])
        axes.annotate("%.2f" % geometric_mean(pairs), (1.01, geometric_mean(pairs)), fontsize=9,
                      xycoords=("axes fraction", "data"), va="center", color=COLORS[peer],
                      fontweight="bold")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylim(0.05, 4)
    axes.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()


def draw_speed(pyplot, device, path):
    """One picture for a reader of the README: ResNet-50 in three formats."""
    runs = {run.name: run for run in device.cpus if run.name in SPEED_RUNS}
    if len(runs) < len(SPEED_RUNS):
        return 0
    columns = list(SPEED_TITLES)
    figure, grid = pyplot.subplots(len(runs), len(columns), sharex=True, sharey=True,
                                   figsize=(8, 6.4))
    for line, (key, title) in zip(grid, SPEED_RUNS.items()):
        for axes, name in zip(line, columns):
            draw_speed_panel(axes, runs[key], name)
        line[0].set_ylabel(title, fontsize=10)
    for axes, name in zip(grid[0], columns):
        axes.set_title(SPEED_TITLES[name], fontsize=10)
    for axes in grid[-1]:
        name_problems(axes, runs[next(iter(SPEED_RUNS))].problems("train"))
    head = next(iter(runs.values())).head
    figure.suptitle("Time of cubn on the layers of ResNet-50, batch 32; below 1 cubn is faster",
                    fontsize=11)
    figure.text(0.45, 0.925, "over that of a copy of the same bytes", color=COLORS["copy"],
                ha="right", fontsize=10)
    figure.text(0.47, 0.925, "over that of %s in the same layout" % head.get("onednn", "oneDNN"),
                color=COLORS["oneDNN"], fontsize=10)
    figure.text(0.5, 0.01, "%s; commit %s, %s; bold: geometric mean over all 53 layers"
                % (head["device"], head["commit"], head["date"][:10]), ha="center", fontsize=8,
                color="#606060")
    figure.tight_layout(rect=(0, 0.03, 1, 0.96))
    save(pyplot, figure, path)
    return 1


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", default=root / "bench" / "results")
    parser.add_argument("--speed", default=root / "docs" / "pictures" / "cpu_speed.svg",
                        type=pathlib.Path)
    parser.add_argument("--emulated", action="store_true", help="include results of the emulator")
    options = parser.parse_args()
    pyplot = load_pyplot()
    if not pyplot:
        return 1
    drawn = 0
    devices = load_devices(options.results, options.emulated)
    for device in devices:
        for runs, draw in ((device.cpus, draw_cpu_run), (device.gpus, draw_gpu_run)):
            for run in runs:
                if max((len(run.problems(name)) for name in PASSES), default=0) >= PROBLEMS_MIN:
                    draw(pyplot, run, device.folder / "pictures" / (run.name + ".svg"))
                    drawn += 1
    # The first device that has all runs of the picture.
    drawn += next((1 for device in devices if draw_speed(pyplot, device, options.speed)), 0)
    print("%d pictures" % drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
