"""What cubn has beyond a plain call, beside PyTorch by hand, as Markdown for PERFORMANCE.md.

bench/features/features.py writes the records: features*.csv of a device."""

import csv

from markdown import number, table

FILES = "features*.csv"


def read(folder):
    """Records by feature, pass, layout, problem and busy processes; then by implementation."""
    problems = {}
    for path in sorted(folder.glob(FILES)):
        with open(path, newline="") as file:
            for record in csv.DictReader(file):
                key = tuple(record[name] for name in
                            ("feature", "pass", "layout", "problem", "busy"))
                problems.setdefault(key, {})[record["implementation"]] = float(record["median_us"])
    return problems


def ratio(times, of, over):
    return number(times[of] / times[over]) if of in times and over in times else ""


def make_summary(devices):
    rows = [[*key, "%.0f" % times["cubn"], ratio(times, "cubn", "like"),
             ratio(times, "cubn", "copy"), ratio(times, "torch", "cubn")]
            for device in devices for key, times in read(device.folder).items()]
    if not rows:
        return "Not measured yet: `bench/features/features.py`.\n"
    return "\n".join(table(["feature", "pass", "layout", "problem", "busy", "us", "of plain",
                            "of copy", "PyTorch"], rows))
