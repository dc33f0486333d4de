"""Results of GPUs as Markdown: all runs for the device's page, a summary for PERFORMANCE.md."""

from markdown import environment, link, mean, mean_and_worst, number, pass_table, table
from records import pass_of, short_name

NOTHING = """No GPU has been measured yet, so no figure of a GPU is stated here. On a machine with
one, `scripts/gpu_check.sh OUT` measures in less than nine minutes; its `OUT/results` belongs in
`bench/results`, and `make performance` then writes this summary.
"""
HOW = """Time of all layers of a network or list, each as often as it occurs there (medians).
Over floor, and the peers' time over that of cubn: geometric means, and in brackets the worst
problem. Of a peer's variants the fastest counts.
"""
SLOW_OVER_FLOOR = 1.5
LAUNCH_BOUND_US = 5  # below such a floor the launch dominates


def peers_of(runs):
    peers = [run.head[key] for run in runs for key in ("cudnn",) if run.head.get(key)]
    peers += [head["versions"] for run in runs for head in run.torch_heads if head.get("versions")]
    return list(dict.fromkeys(peers))


def peer_names(runs):
    return list(dict.fromkeys(peer for run in runs for peer in run.peers()))


def floors(run, name):
    best = [run.best(p, "cubn") for p in run.problems(name)]
    return [(run.over_floor(r), r["count"]) for r in best if run.over_floor(r)]


def summary_rows(run, peers):
    for name in run.passes():
        best = [run.best(p, "cubn") for p in run.problems(name)]
        if best:
            yield ([run.name, name, "%d" % sum(r["count"] for r in best),
                    "%.1f" % sum(r["count"] * r["median_us"] for r in best),
                    mean_and_worst(floors(run, name))]
                   + [mean_and_worst(run.ratios(name, peer, "cubn"), min) for peer in peers])


def slow_rows(run, peers):
    """Problems far above the floor, or slower than a peer."""
    for problem in run.problems():
        own = run.best(problem, "cubn")
        if not own:
            continue
        over = run.over_floor(own)
        ratios = [(peer, run.ratio(problem, peer, "cubn")) for peer in peers]
        faster = ["%s %.2fx" % (peer, value) for peer, value in ratios if value and value < 1]
        is_bound = over and own["median_us"] / over > LAUNCH_BOUND_US
        if faster or (is_bound and over > SLOW_OVER_FLOOR):
            yield [run.name, pass_of(problem) + " " + short_name(problem), own["algorithm"],
                   "%.2f" % own["median_us"], number(over), ", ".join(faster)]


def failures(runs):
    return ["* `%s`: %s" % (r["problem"], r["note"]) for run in runs for r in run.records
            if r["implementation"] == "cubn" and r["note"].startswith("WRONG")]


def make_page(device, document):
    """The lines of the device's page."""
    runs, peers = device.gpus, peer_names(device.gpus)
    lines = ["## GPU", ""] + environment(device, runs, peers_of(runs)) + [""] + failures(runs)
    lines += [HOW]
    lines += table(["run", "pass", "layers", "us", "over floor"] + peers,
                   [cells for run in runs for cells in summary_rows(run, peers)])
    slow = [cells for run in runs for cells in slow_rows(run, peers)]
    if slow:
        lines += ["", "Above %.1f times a floor of more than %d us, or slower than a peer:"
                  % (SLOW_OVER_FLOOR, LAUNCH_BOUND_US), ""]
        lines += table(["run", "problem", "algorithm", "us", "over floor", "faster"], slow)
    files = [device.folder / "pictures" / (run.name + ".svg") for run in runs]
    pictures = ["![%s](%s)" % (f.stem, link(f, document)) for f in files if f.exists()]
    return lines + [""] + (pictures + [""] if pictures else [])


def make_summary(devices, document):
    lines = []
    for device in (d for d in devices if d.gpus):
        runs, peers = device.gpus, peer_names(device.gpus)
        measures = [("over floor", lambda run, name: mean(floors(run, name)))]
        measures += [(peer + " over cubn", lambda run, name, peer=peer:
                      mean(run.ratios(name, peer, "cubn"))) for peer in peers]
        slower = sum(bool(cells[-1]) for run in runs for cells in slow_rows(run, peers))
        lines += ["### " + device.name(), ""] + environment(device, runs, peers_of(runs))[1:] + [""]
        lines += pass_table(runs, "", measures)
        lines += ["", "Slower than a peer: %d problems. All problems, with pictures: [%s](%s)."
                  % (slower, device.folder.name, link(device.folder / "README.md", document)), ""]
    return "\n".join(lines) if lines else NOTHING
