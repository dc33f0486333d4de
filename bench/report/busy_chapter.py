"""Results of CPUs quiet and beside busy processes, as Markdown for PERFORMANCE.md."""

from markdown import table, wrapped
from records import geometric_mean, pass_of, short_name

LAYOUTS = {"NCHW": ("ncw", "nchw", "ncdhw"), "NHWC": ("nwc", "nhwc", "ndhwc")}
PEERS = {"oneDNN": "oneDNN", "PyTorch": "PyTorch eager"}
PERCENTILES = ("p5_us", "p25_us", "median_us", "p75_us", "p90_us", "p95_us")
LIMIT = 1.2  # of a percentile of cubn over that of one thread
NOT_BUSY = ("%s has not been measured beside busy processes yet, and so not beside PyTorch or one"
            " thread: these are its quiet runs. `scripts/cpu_bench.sh OUT` measures it.")
NOT_TIMED = "not measured"


def title_of(busy):
    return ("beside %d" % busy) if busy else "quiet"


def over_one_thread(run, problem, busy):
    """The largest ratio of the percentiles of cubn to those of one thread, or None."""
    own, one = (run.best(problem, name, busy) for name in ("cubn", "cubn, one thread"))
    if not own or not one:
        return None
    pairs = [(own[name], one[name]) for name in PERCENTILES]
    return max(a / b for a, b in pairs) if all(a and b for a, b in pairs) else None


def measured(runs, levels):
    """(run, problem) that cubn was timed on at each of the levels, by layout."""
    found = {name: [] for name in LAYOUTS}
    for run in runs:
        for problem in run.problems():
            for name, layouts in LAYOUTS.items():
                if (problem.split()[1] in layouts
                        and all(run.best(problem, "cubn", busy) for busy in levels)):
                    found[name].append((run, problem))
    return found


def digits(value):
    return ("%.2f" if value >= 0.1 else "%.3f") % value


def cell(pairs, ratio):
    """The geometric mean, and the worst problem in brackets."""
    values = [(ratio(run, problem), run.best(problem, "cubn")["count"], problem)
              for run, problem in pairs]
    values = [value for value in values if value[0]]
    if not values:
        return NOT_TIMED
    worst, _, problem = max(values, key=lambda value: value[0])
    return "%s (%s: %s %s)" % (digits(geometric_mean([value[:2] for value in values])),
                               digits(worst), pass_of(problem), short_name(problem))


def rows(found, levels):
    for layout, pairs in found.items():
        for title, peer in PEERS.items():
            yield [layout, "time over that of " + title] + [
                cell(pairs, lambda run, p, busy=busy: run.ratio(p, "cubn", peer, busy))
                for busy in levels]
        yield [layout, "largest percentile over that of one thread"] + [
            cell(pairs, lambda run, p, busy=busy: over_one_thread(run, p, busy))
            for busy in levels]


def limits(found, levels):
    """How many problems have a percentile above the limit."""
    pairs = [pair for layout in found.values() for pair in layout]
    counts = []
    for busy in levels:
        ratios = [over_one_thread(run, problem, busy) for run, problem in pairs]
        known = [ratio for ratio in ratios if ratio]
        if known:
            counts.append("%d of %d %s" % (sum(ratio > LIMIT for ratio in known), len(known),
                                           title_of(busy)))
    return counts


def make_summary(devices):
    lines = []
    for device in (d for d in devices if d.cpus):
        busy_runs = [run for run in device.cpus if len(run.levels()) > 1]
        runs = busy_runs or device.cpus
        levels = sorted({busy for run in runs for busy in run.levels()})
        found = measured(runs, levels)
        lines += ["### " + device.name(), ""]
        if not busy_runs:
            lines += wrapped(NOT_BUSY % device.folder.name, "") + [""]
        lines += table(["layout (problems)", "cubn"]
                       + [title_of(busy) for busy in levels],
                       [["%s (%d)" % (row[0], len(found[row[0]]))] + row[1:]
                        for row in rows(found, levels) if busy_runs or row[2] != NOT_TIMED])
        counts = limits(found, levels)
        if counts:
            lines += [""] + wrapped("Problems with a percentile, from the 5th to the 95th, of more"
                                    " than %g times that of one thread: %s."
                                    % (LIMIT, ", ".join(counts)), "")
        lines += [""]
    return "\n".join(lines) if lines else "No CPU has been measured yet.\n"
