#!/usr/bin/env python3
"""Writes the chapters of docs/PERFORMANCE.md on GPUs and on the host's part of a call, each between
its two markers, from bench/results.

    bench/report/chapter.py [--results bench/results] [--document docs/PERFORMANCE.md]

With --check nothing is written: the exit status is 1 if a chapter is not up to date. --emulated
takes the results of the CUDA emulator instead, to see that the chapter can be made.
"""

import argparse
import os
import pathlib
import sys

from records import geometric_mean, load_gpus, load_hosts, pass_of, short_name

BEGIN, END = "<!-- %s results: begin (make performance) -->", "<!-- %s results: end -->"
NOTHING = """No GPU has been measured yet, so no figure of a GPU is stated here. On a machine with one,
`scripts/gpu_check.sh OUT` measures in less than nine minutes; what it leaves in `OUT/results` belongs into
`bench/results`, and `make performance` then writes this chapter.
"""
SLOW_OVER_FLOOR = 1.5
LAUNCH_BOUND_US = 5  # below such a floor it is the launch that counts


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return [row(head), row(["---"] * len(head))] + [row(cells) for cells in rows]


def number(value, form="%.2f"):
    return form % value if value is not None else ""


def ratios(run, problems, peer):
    """(peer's time over cubn's, weight) of the problems that both were timed on."""
    pairs = []
    for problem in problems:
        own, other = run.best(problem, "cubn"), run.best(problem, peer)
        if own and other:
            pairs.append((other["median_us"] / own["median_us"], own["count"]))
    return pairs


def mean_and_worst(pairs, worst):
    """Text like "1.52 (1.10)"."""
    return "%.2f (%.2f)" % (geometric_mean(pairs), worst(r for r, _ in pairs)) if pairs else ""


def summary_rows(run, peers):
    for name in run.passes():
        problems = [p for p in run.problems() if pass_of(p) == name and run.best(p, "cubn")]
        if not problems:
            continue
        best = [run.best(p, "cubn") for p in problems]
        floors = [(run.over_floor(r), r["count"]) for r in best if run.over_floor(r)]
        yield [run.name, name, "%d" % sum(r["count"] for r in best),
               "%.1f" % sum(r["count"] * r["median_us"] for r in best),
               mean_and_worst(floors, max)] + [mean_and_worst(ratios(run, problems, peer), min)
                                               for peer in peers]


def slow_rows(run, peers):
    """Problems far above the floor, or slower than a peer."""
    for problem in run.problems():
        own = run.best(problem, "cubn")
        if not own:
            continue
        over = run.over_floor(own)
        others = [(peer, run.best(problem, peer)) for peer in peers]
        losses = ["%s %.2fx" % (peer, other["median_us"] / own["median_us"])
                  for peer, other in others if other and other["median_us"] < own["median_us"]]
        is_bound = over and own["median_us"] / over > LAUNCH_BOUND_US
        if losses or (is_bound and over > SLOW_OVER_FLOOR):
            yield [run.name, pass_of(problem) + " " + short_name(problem), own["algorithm"],
                   "%.2f" % own["median_us"], number(over), ", ".join(losses)]


def failures(runs):
    """What was not right."""
    return ["* `%s`: %s" % (r["problem"], r["note"]) for run in runs for r in run.records
            if r["implementation"] == "cubn" and r["note"].startswith("WRONG")]


def host_rows(run):
    """Per problem what a call takes, and what is in front of the algorithm. On a CPU a call computes:
    only the latter counts."""
    on_gpu = any(", sm_" in r["device"] for r in run.records)
    for problem in run.problems():
        found = {r["implementation"]: r["host_us"] for r in run.records
                 if r["problem"] == problem and r["host_us"]}
        if "call" in found and "front" in found:
            yield [problem, "%.2f" % found["front"], "%.2f" % found["call"] if on_gpu else ""]


def make_host_chapter(options):
    hosts = load_hosts(options.results)
    if not hosts:
        return "Not measured yet: `build/cubn-bench --host` (see bench/results/README.md).\n"
    lines = ["Median time until a call returns, in us: validation, collapse and selection (front); and all",
             "of it up to the launch. On the emulator launches are left out: that is what the host does",
             "in front of them. On a CPU a call computes: only the front is told.", ""]
    for folder, run in hosts:
        head = run.head
        lines += ["### %s: %s on %s" % (folder.name, head.get("device", "").split(",")[0],
                                        head.get("cpu", "?")), "",
                  "%s; commit %s, %s" % (head.get("versions"), head.get("commit"),
                                         head.get("date", "")[:10]), ""]
        lines += table(["problem", "front", "call"], list(host_rows(run))) + [""]
    return "\n".join(lines).rstrip() + "\n"


def environment(runs):
    """What the runs say of themselves; they may be of several commits."""
    def all_of(key, heads):
        return ", ".join(dict.fromkeys(str(h[key]) for h in heads if h and h.get(key)))

    heads = [run.head for run in runs]
    torch = [head for run in runs for head in run.torch_heads]
    dates = sorted(h["date"][:10] for h in heads if h.get("date"))
    days = " to ".join(dict.fromkeys(dates[:1] + dates[-1:]))
    rates = [h["copy_gb_per_s"] for h in heads if h.get("copy_gb_per_s")]
    lines = ["* device: " + all_of("device", heads), "* versions: " + all_of("versions", heads),
             "* cubn %s, commit %s, %s" % (all_of("cubn", heads), all_of("commit", heads), days)]
    if rates:
        lines.append("* large copies: %.0f to %.0f GB/s, read and written"
                     % (min(rates), max(rates)))
    peers = [text for text in (all_of("cudnn", heads), all_of("versions", torch)) if text]
    lines.append("* peers: " + ("; ".join(peers) if peers else "none were found"))
    return lines


def pictures(folder, document):
    files = sorted((folder / "pictures").glob("*.svg"))
    base = pathlib.Path(document).resolve().parent
    return ["![%s](%s)" % (f.stem, os.path.relpath(f.resolve(), base)) for f in files]


def device_section(folder, runs, document):
    timed = [run for run in runs if not run.is_host()]
    peers = list(dict.fromkeys(peer for run in timed for peer in run.peers()))
    lines = ["### " + (runs[0].head.get("device") or folder.name).split(",")[0], ""]
    lines += environment(runs) + [""]
    lines += failures(timed)
    lines += ["Time of all layers of a network or list, each as often as it occurs there (medians).",
              "Over floor and the peers' time over cubn's: geometric means, and in brackets the",
              "worst problem. Of a peer's variants the fastest counts.", ""]
    lines += table(["run", "pass", "layers", "us", "over floor"] + peers,
                   [cells for run in timed for cells in summary_rows(run, peers)])
    slow = [cells for run in timed for cells in slow_rows(run, peers)]
    if slow:
        lines += ["", "Above %.1f times a floor of more than %d us, or slower than a peer:"
                  % (SLOW_OVER_FLOOR, LAUNCH_BOUND_US), ""]
        lines += table(["run", "problem", "algorithm", "us", "over floor", "faster"], slow)
    return lines + [""] + pictures(folder, document)


def make_gpu_chapter(options):
    gpus = load_gpus(options.results, options.emulated)
    if not gpus:
        return NOTHING
    lines = ["Made by `make performance` from [bench/results](../bench/results). How it is measured:",
             "[bench/README.md](../bench/README.md).", ""]
    for folder, runs in gpus:
        lines += device_section(folder, runs, options.document)
    return "\n".join(lines).rstrip() + "\n"


def replace(text, name, chapter):
    """The text with what stands between the markers of that name replaced; None without them."""
    begin, end = BEGIN % name, END % name
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        return None
    before, rest = text.split(begin)
    return before + begin + "\n" + chapter + end + rest.split(end)[1]


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", default=root / "bench" / "results")
    parser.add_argument("--document", default=root / "docs" / "PERFORMANCE.md")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--emulated", action="store_true", help="results of the emulator")
    options = parser.parse_args()
    path = pathlib.Path(options.document)
    text = path.read_text()
    made = text
    for name, chapter in (("gpu", make_gpu_chapter(options)), ("host", make_host_chapter(options))):
        made = replace(made, name, chapter)
        if made is None:
            print("chapter.py: %s lacks the markers of the %s results" % (path, name),
                  file=sys.stderr)
            return 2
    if options.check:
        if made != text:
            print("chapter.py: %s is not up to date: make performance" % path, file=sys.stderr)
        return int(made != text)
    path.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
