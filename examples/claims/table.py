"""Tables from CSV files, and the little statistics that the verdicts need."""

import csv
import math
import pathlib


def read(folder, name):
    """The rows of a CSV file; numbers as float, other fields as text."""
    path = pathlib.Path(folder) / name
    try:
        with open(path, newline="") as file:
            head, *lines = list(csv.reader(file)) or [[]]
    except OSError as error:
        raise SystemExit("report.py: %s: %s" % (path, error.strerror))
    for i, line in enumerate(lines):
        if len(line) != len(head):
            raise SystemExit("report.py: %s: expected %d fields in line %d, found %d" % (
                path, len(head), i + 2, len(line)))
    if not lines:
        raise SystemExit("report.py: %s: no rows" % path)
    return [dict(zip(head, map(number_or_text, line))) for line in lines]


def number_or_text(text):
    try:
        return float(text)
    except ValueError:
        return text


def select(rows, **wanted):
    return [r for r in rows if all(r[k] == v for k, v in wanted.items())]


def values(rows, key, **wanted):
    """The distinct values of a column, in the order in which they come."""
    return list(dict.fromkeys(r[key] for r in select(rows, **wanted)))


def column(rows, key, **wanted):
    return [r[key] for r in select(rows, **wanted)]


def mean(numbers):
    return sum(numbers) / len(numbers)


def median(numbers):
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def geometric_mean(numbers):
    return math.exp(mean([math.log(max(n, 1e-30)) for n in numbers]))


def standard_error(numbers):
    """Of the mean."""
    center = mean(numbers)
    count = len(numbers)
    return math.sqrt(sum((n - center) ** 2 for n in numbers) / (count - 1) / count)


def difference(a, b):
    """Mean of a minus mean of b, and twice the standard error of that: beyond it, chance is an
    unlikely reason."""
    return mean(a) - mean(b), 2 * math.hypot(standard_error(a), standard_error(b))


def slope(xs, ys):
    """Of the straight line through the logarithms."""
    xs, ys = [math.log(x) for x in xs], [math.log(y) for y in ys]
    center_x, center_y = mean(xs), mean(ys)
    square = sum((x - center_x) ** 2 for x in xs)
    return sum((x - center_x) * (y - center_y) for x, y in zip(xs, ys)) / square


class Verdict:
    def __init__(self, claim, holds, numbers):
        self.claim, self.holds, self.numbers = claim, holds, numbers

    def __str__(self):
        return "claim %s: %s (%s)" % (
            self.claim, "holds" if self.holds else "does not hold", self.numbers)
