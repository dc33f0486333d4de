"""Tensors with gaps or of several layouts beside packed ones, as Markdown for PERFORMANCE.md."""

from markdown import number, table
from records import PASSES


def packed(problem):
    """The problem in the order of x, without gaps; None if it is such a one itself."""
    words = problem.split()
    plain = words[1].split(":")[0].split("+")[0]
    return " ".join([words[0], plain] + words[2:]) if words[1] != plain else None


def make_summary(devices):
    rows = []
    for device in devices:
        for run in device.cpus:
            cells = {}
            for problem in run.problems():
                own = run.best(problem, "cubn")
                model = packed(problem) and run.best(packed(problem), "cubn")
                if own and model:
                    words = problem.split()
                    row = cells.setdefault((words[1], " ".join(words[2:])), {})
                    row[words[0]] = own["median_us"] / model["median_us"]
            rows += [[layout, sizes, *(number(row.get(name)) for name in PASSES)]
                     for (layout, sizes), row in cells.items()]
    if not rows:
        return "Not measured yet: `scripts/cpu_bench.sh OUT`.\n"
    return "\n".join(table(["layout", "problem", *PASSES], rows))
