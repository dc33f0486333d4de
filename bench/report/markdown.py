"""Markdown made of results: tables, the head of a campaign, and the text between markers."""

import os
import pathlib
import textwrap

from records import PASSES, geometric_mean

BEGIN, END = "<!-- %s: begin (make performance) -->", "<!-- %s: end -->"
COLUMNS = 98


def table(head, rows):
    def line(cells):
        return "| " + " | ".join(cells) + " |"

    return [line(head), line(["---"] * len(head))] + [line(cells) for cells in rows]


def number(value, form="%.2f"):
    return form % value if value is not None else ""


def mean(pairs):
    return number(geometric_mean(pairs)) if pairs else ""


def mean_and_worst(pairs, worst=max):
    """Text like "0.25 (0.41)"."""
    return "%s (%.2f)" % (mean(pairs), worst(value for value, _ in pairs)) if pairs else ""


def pass_table(runs, prefix, measures):
    """One row per run, and for each (title, measure) one column per pass that has a value."""
    columns = []
    for title, measure in measures:
        for name in PASSES:
            cells = [measure(run, name) for run in runs]
            if any(cells):
                columns.append(("%s: %s" % (title, name) if title else name, cells))
                title = ""
    rows = [[run.name.removeprefix(prefix)] + [cells[i] for _, cells in columns]
            for i, run in enumerate(runs)]
    return table(["run"] + [head for head, _ in columns], rows)


def wrapped(text, indent="  "):
    return textwrap.wrap(text, COLUMNS, subsequent_indent=indent, break_on_hyphens=False)


def environment(device, runs, peers):
    """What the heads of the runs say; they may be of several commits."""
    def all_of(key):
        return ", ".join(dict.fromkeys(str(run.head[key]) for run in runs if run.head.get(key)))

    dates = sorted(run.head["date"][:10] for run in runs if run.head.get("date"))
    days = " to ".join(dict.fromkeys(dates[:1] + dates[-1:]))
    rates = [run.head["copy_gb_per_s"] for run in runs if run.head.get("copy_gb_per_s")]
    lines = ["* device: " + all_of("device"), "* versions: " + all_of("versions"),
             "* cubn %s, commit %s, %s" % (all_of("cubn"), all_of("commit"), days)]
    if rates:
        lines += ["* large copies: %.0f to %.0f GB/s, read and written" % (min(rates), max(rates))]
    lines += ["* peers: " + ("; ".join(peers) if peers else "none were found")]
    notes = device.folder / "notes.txt"
    if notes.exists():
        lines += ["* how: " + notes.read_text().strip()]
    return [part for line in lines for part in wrapped(line)]


def link(target, document):
    """The path of a file as the document has to name it."""
    return os.path.relpath(pathlib.Path(target).resolve(), pathlib.Path(document).resolve().parent)


def replace(text, name, chapter):
    """The text with a new chapter between the markers of that name; None without markers."""
    begin, end = BEGIN % name, END % name
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        return None
    before, after = text.split(begin)
    return before + begin + "\n" + chapter.strip() + "\n" + end + after.split(end)[1]
