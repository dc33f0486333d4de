"""The host time of a call as Markdown, for the device's page and for PERFORMANCE.md."""

from markdown import link, table

HOW = """Median time until a call returns, in us: validation, collapse and selection (front), and
the whole call up to the launch. On the emulator launches are omitted. On a CPU a call computes:
only the front is listed.
"""
NOTHING = "Not measured yet: `build/cubn-bench --host` (see bench/results/README.md).\n"


def times(run):
    """(problem, front, call) in us. On a CPU a call computes, so that only the front counts."""
    for problem in run.problems():
        found = {r["implementation"]: r["host_us"] for r in run.records
                 if r["problem"] == problem and r["host_us"]}
        if "call" in found and "front" in found:
            yield problem, found["front"], found["call"] if run.is_gpu() else None


def make_page(device):
    """The lines of the device's page."""
    lines = []
    for run in device.hosts:
        head = run.head
        lines += ["## Host time of a call", "", HOW,
                  "%s on %s; %s; commit %s, %s" % (
                      head.get("device", "").split(",")[0], head.get("cpu", "?"),
                      head.get("versions"), head.get("commit"), head.get("date", "")[:10]), ""]
        lines += table(["problem", "front", "call"],
                       [[problem, "%.2f" % front, "%.2f" % call if call else ""]
                        for problem, front, call in times(run)]) + [""]
    return lines


def span(values):
    return "%.2f to %.2f" % (min(values), max(values)) if values else ""


def make_summary(devices, document):
    rows = []
    for device in devices:
        for run in device.hosts:
            page = "[%s](%s)" % (device.folder.name, link(device.folder / "README.md", document))
            found = list(times(run))
            rows.append([page, "%d" % len(found), span([t[1] for t in found]),
                         span([t[2] for t in found if t[2]])])
    return "\n".join(table(["device", "problems", "front, us", "call, us"], rows)
                     if rows else [NOTHING])
