#!/usr/bin/env python3
"""Writes the chapter of docs/PERFORMANCE.md on CPUs, between its two markers, from bench/results.

    bench/report/cpu_chapter.py [--results bench/results] [--document docs/PERFORMANCE.md]

With --check nothing is written: the exit status is 1 if the chapter is not up to date. --pictures
draws DEVICE/pictures/cpu-RUN.svg instead, which needs matplotlib.
"""

import argparse
import os
import pathlib
import sys

from chapter import environment, number, replace, table
from records import geometric_mean, load_device, pass_of, short_name

PEERS = {
    "cubn": lambda r: r["implementation"] == "cubn",
    "oneDNN": lambda r: r["implementation"] == "onednn",
    "oneDNN 16c": lambda r: r["implementation"] == "onednn_16c",
    "copy": lambda r: r["implementation"] == "copy",
}
COLORS = {"cubn": "#1b6ca8", "oneDNN": "#76a21e", "oneDNN 16c": "#d9822b"}
NOTHING = "Not measured yet: `make bench` on a machine without a GPU.\n"
HOW = """Made by `make performance` from [bench/results](../bench/results), which `scripts/cpu_bench.sh` wrote.
All columns of a line were measured in one loop, by turns. Time in us, medians. **Of copy**: time over that of the
faster of two copies of as many bytes, an ordinary one and one past the caches. **Of oneDNN**: time over that of
oneDNN in the same layout; **of 16c**: over that of oneDNN in its own blocked layout, to convert into which costs it
nothing here. Below 1 cubn is faster. **Copy of oneDNN**: time of that copy over oneDNN's, which is what a pass as fast as a
copy would have. oneDNN keeps no running statistics and computes in float throughout.
"""


def best(run, problem, peer):
    """The fastest record of a peer, or None."""
    return min((r for r in run.records if r["problem"] == problem and r["median_us"]
                and PEERS[peer](r)), key=lambda r: r["median_us"], default=None)


def ratio(run, problem, peer, of="cubn"):
    own, other = best(run, problem, of), best(run, problem, peer)
    return own["median_us"] / other["median_us"] if own and other else None


def load_cpus(results):
    """(folder, runs) of all CPUs that have results."""
    results = pathlib.Path(results)
    found = []
    for folder in sorted(results.iterdir() if results.exists() else []):
        runs = load_device(folder) if folder.is_dir() else []
        runs = [run for run in runs if run.name.startswith("cpu-")]
        if runs:
            found.append((folder, runs))
    return found


def mean_and_worst(pairs):
    """Text like "0.25 (0.41)"."""
    if not pairs:
        return ""
    return "%.2f (%.2f)" % (geometric_mean(pairs), max(value for value, _ in pairs))


def summary_rows(run):
    for name in run.passes():
        problems = [p for p in run.problems() if pass_of(p) == name and best(run, p, "cubn")]
        cells = [run.name[4:], name, "%d" % len(problems)]
        for of, peer in (("cubn", "copy"), ("cubn", "oneDNN"), ("copy", "oneDNN"),
                         ("cubn", "oneDNN 16c")):
            pairs = [(ratio(run, p, peer, of), best(run, p, "cubn")["count"]) for p in problems]
            cells.append(mean_and_worst([pair for pair in pairs if pair[0]]))
        yield cells


def detail_rows(run):
    for problem in run.problems():
        own = best(run, problem, "cubn")
        if not own:
            continue
        times = [best(run, problem, peer) for peer in ("copy", "oneDNN", "oneDNN 16c")]
        yield ([pass_of(problem) + " " + short_name(problem), own["algorithm"],
                "%.1f" % own["median_us"]]
               + [number(r["median_us"] if r else None, "%.1f") for r in times]
               + [number(ratio(run, problem, peer)) for peer in ("copy", "oneDNN", "oneDNN 16c")])


def slower(runs):
    """Problems on which oneDNN in the same layout is faster."""
    for run in runs:
        for problem in run.problems():
            value = ratio(run, problem, "oneDNN")
            if value and value > 1:
                yield "* %s, `%s`: %.2f of its time" % (run.name[4:], problem, value)


def section(folder, runs, document):
    head = runs[0].head
    lines = ["### " + (head.get("device") or folder.name), ""] + environment(runs)[1:-1]
    lines += ["* peer: " + head.get("onednn", "none was found")]
    notes = folder / "notes.txt"
    lines += ["* how: " + notes.read_text().strip(), ""] if notes.exists() else [""]
    lines += ["Geometric means, every layer as often as the network has it, and the worst problem:", ""]
    lines += table(["run", "pass", "problems", "of copy", "of oneDNN", "copy of oneDNN", "of 16c"],
                   [cells for run in runs for cells in summary_rows(run)])
    losses = list(slower(runs))
    lines += ["", "Slower than oneDNN:" if losses else "No problem is slower than with oneDNN.", ""]
    lines += losses + [""] if losses else []
    base = pathlib.Path(document).resolve().parent
    for run in runs:
        picture = folder / "pictures" / (run.name + ".svg")
        lines += ["#### " + run.name[4:], ""]
        if picture.exists():
            lines += ["![%s](%s)" % (run.name, os.path.relpath(picture.resolve(), base)), ""]
        lines += table(["problem", "algorithm", "us", "copy", "oneDNN", "16c", "of copy",
                        "of oneDNN", "of 16c"], list(detail_rows(run))) + [""]
    return lines


def make_chapter(options):
    cpus = load_cpus(options.results)
    if not cpus:
        return NOTHING
    lines = [HOW]
    for folder, runs in cpus:
        lines += section(folder, runs, options.document)
    return "\n".join(lines).rstrip() + "\n"


def draw_run(pyplot, run, path):
    """Per pass: time of cubn and of oneDNN over that of the faster copy."""
    passes = run.passes()
    figure, grid = pyplot.subplots(1, len(passes), squeeze=False, figsize=(5 * len(passes), 3.6))
    for axes, name in zip(grid[0], passes):
        problems = [p for p in run.problems() if pass_of(p) == name and best(run, p, "cubn")]
        for index, peer in enumerate(COLORS):
            values = []
            for problem in problems:
                record, copy = best(run, problem, peer), best(run, problem, "copy")
                values.append(record["median_us"] / copy["median_us"] if record and copy else 0)
            if any(values):
                axes.bar([i + (index - 1) * 0.27 for i in range(len(values))], values, 0.27,
                         label=peer, color=COLORS[peer])
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_xticks(range(len(problems)))
        axes.set_xticklabels([short_name(p) for p in problems], rotation=60, ha="right", fontsize=7)
        axes.set_title("%s: %s" % (run.name[4:], name), fontsize=9)
        axes.set_ylabel("time over that of a copy", fontsize=8)
        axes.grid(axis="y", linewidth=0.3)
        axes.set_axisbelow(True)
        axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def draw(options):
    try:
        import matplotlib
    except ImportError:
        print("cpu_chapter.py: matplotlib is not installed (scripts/setup.sh bench)", file=sys.stderr)
        return 1
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "cubn"  # the same file from the same numbers
    from matplotlib import pyplot
    for folder, runs in load_cpus(options.results):
        (folder / "pictures").mkdir(exist_ok=True)
        for run in runs:
            draw_run(pyplot, run, folder / "pictures" / (run.name + ".svg"))
    return 0


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", default=root / "bench" / "results")
    parser.add_argument("--document", default=root / "docs" / "PERFORMANCE.md")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--pictures", action="store_true", help="draw the pictures")
    options = parser.parse_args()
    if options.pictures:
        return draw(options)
    path = pathlib.Path(options.document)
    text = path.read_text()
    made = replace(text, "cpu", make_chapter(options))
    if made is None:
        print("cpu_chapter.py: %s lacks the markers of the cpu results" % path, file=sys.stderr)
        return 2
    if options.check:
        if made != text:
            print("cpu_chapter.py: %s is not up to date: make performance" % path, file=sys.stderr)
        return int(made != text)
    path.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
