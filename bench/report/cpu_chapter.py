"""Results of CPUs as Markdown: all problems for the device's page, a summary for PERFORMANCE.md."""

from markdown import environment, link, mean, mean_and_worst, number, pass_table, table
from records import pass_of, short_name

COLUMNS = {"of copy": ("cubn", "copy"), "of oneDNN": ("cubn", "oneDNN"),
           "copy of oneDNN": ("copy", "oneDNN"), "of 16c": ("cubn", "oneDNN 16c")}
NOTHING = "No CPU has been measured yet: `make bench` on a machine without a GPU.\n"
HOW = """All columns of a row were measured in one loop, alternating. Times are medians in us.

* **of copy**: time of cubn over that of the faster of two copies of the same number of bytes, one
  with ordinary and one with non-temporal stores.
* **of oneDNN**: time over that of oneDNN in the same layout. Below 1 cubn is faster.
* **of 16c**: time over that of oneDNN in its own blocked layout; the conversion is not timed.
* **copy of oneDNN**: time of the copy over that of oneDNN, the ratio of a pass as fast as a copy.

oneDNN keeps no running statistics, and computes in float throughout. Means are geometric, with each
layer counted as often as the network has it. The worst problem is in brackets.
"""
SLOWER = "Problems slower than oneDNN in the same layout: %d, in its blocked layout: %d."
LARGE_MIB = 16  # problems above it are bound by memory
WORST = 4


def peers_of(runs):
    return list(dict.fromkeys(r.head["onednn"] for r in runs if r.head.get("onednn")))


def summary_rows(run):
    for name in run.passes():
        yield [run.name[4:], name, "%d" % len(run.problems(name))] + [
            mean_and_worst(run.ratios(name, *pair)) for pair in COLUMNS.values()]


def detail_rows(run):
    for problem in run.problems():
        own = run.best(problem, "cubn")
        if own:
            others = [run.best(problem, peer) for peer in ("copy", "oneDNN", "oneDNN 16c")]
            yield ([pass_of(problem) + " " + short_name(problem), own["algorithm"]]
                   + [number(r["median_us"] if r else None, "%.1f") for r in [own] + others]
                   + [number(run.ratio(problem, *COLUMNS[c]))
                      for c in ("of copy", "of oneDNN", "of 16c")])


def make_page(device, document):
    """The lines of the device's page."""
    runs = device.cpus
    lines = ["## CPU", ""] + environment(device, runs, peers_of(runs)) + ["", HOW]
    lines += table(["run", "pass", "problems"] + list(COLUMNS),
                   [cells for run in runs for cells in summary_rows(run)]) + [""]
    for run in runs:
        picture = device.folder / "pictures" / (run.name + ".svg")
        lines += ["### " + run.name[4:], ""]
        if picture.exists():
            lines += ["![%s](%s)" % (run.name, link(picture, document)), ""]
        lines += table(["problem", "algorithm", "us", "copy", "oneDNN", "16c", "of copy",
                        "of oneDNN", "of 16c"], list(detail_rows(run))) + [""]
    return lines


def losses(runs, peer):
    return sum((run.ratio(p, "cubn", peer) or 0) > 1 for run in runs for p in run.problems())


def make_summary(devices, document):
    lines = []
    for device in (d for d in devices if d.cpus):
        runs = device.cpus
        measures = [(title, lambda run, name, pair=COLUMNS[column]: mean(run.ratios(name, *pair)))
                    for title, column in (("of a copy", "of copy"), ("of oneDNN", "of oneDNN"),
                                          ("copy of oneDNN", "copy of oneDNN"))]
        lines += ["### " + device.name(), ""] + environment(device, runs, peers_of(runs))[1:] + [""]
        lines += pass_table(runs, "cpu-", measures)
        lines += ["", SLOWER % (losses(runs, "oneDNN"), losses(runs, "oneDNN 16c")),
                  "All problems, with pictures: [%s](%s)." % (
                      device.folder.name, link(device.folder / "README.md", document)), ""]
    return "\n".join(lines) if lines else NOTHING


def slow_rows(runs):
    """The problems with the largest ratios, in four groups."""
    timed = [(run, p) for run in runs for p in run.problems() if run.best(p, "cubn")]

    def mib(pair):
        return pair[0].best(pair[1], "cubn")["floor_bytes"] / 2**20

    def worst(pairs, over, least=0):
        found = [(run.ratio(p, "cubn", over) or 0, run, p) for run, p in pairs]
        found.sort(key=lambda entry: -entry[0])
        return [(run, p) for value, run, p in found[:WORST] if value > least]

    groups = {"of a copy, large": worst([p for p in timed if mib(p) >= LARGE_MIB], "copy"),
              "of a copy, small": worst([p for p in timed if mib(p) < LARGE_MIB], "copy"),
              "of oneDNN": worst(timed, "oneDNN"), "of 16c, above 1": worst(timed, "oneDNN 16c", 1)}
    for title, pairs in groups.items():
        for run, problem in pairs:
            yield ([title, problem, run.name[4:], "%.2f" % mib((run, problem))]
                   + [number(run.ratio(problem, *COLUMNS[c]))
                      for c in ("of copy", "of oneDNN", "of 16c")])


def make_slow(devices):
    runs = [run for device in devices for run in device.cpus]
    if not runs:
        return NOTHING
    return "\n".join(table(["worst", "problem", "run", "floor, MiB", "of copy", "of oneDNN",
                            "of 16c"], list(slow_rows(runs))))
