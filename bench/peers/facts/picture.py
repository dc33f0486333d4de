#!/usr/bin/env python3
"""Draws docs/pictures/peers_error.svg: the largest error of y over the mean, of every library in
measured/ and of cubn. Needs matplotlib (scripts/setup.sh bench)."""

import math
import sys

import document

ROOT = document.HERE.parents[2]
sys.path.append(str(ROOT / "bench" / "report"))
import pictures  # noqa: E402  (the path above leads to it)

MEANS = (0, 10, 100, 1000, 10000)
TOP = 1e4  # where NaN is drawn
STYLES = ("-", "--", ":", "-.")


def read_series(libraries, question):
    """{title: errors}, the smallest at the last mean first."""
    found = {}
    for name, answers in libraries.items():
        words = answers[question].split()
        if words[0] not in ("none", "error"):
            found[document.TITLES[name]] = [float(word) for word in words]
    return dict(sorted(found.items(), key=lambda item: tuple(
        TOP if math.isnan(value) else value for value in reversed(item[1]))))


def draw_panel(pyplot, axes, title, series):
    colors = pyplot.get_cmap("tab10")
    places = range(len(MEANS))
    for name, values in series.items():
        index = list(document.TITLES.values()).index(name)
        own = name == "cubn"
        drawn = [TOP if math.isnan(value) else value for value in values]
        axes.plot(places, drawn, label=name, linewidth=2.5 if own else 1,
                  color=pictures.COLORS["cubn"] if own else colors(index % 10),
                  linestyle="-" if own else STYLES[index // 10 % len(STYLES)], marker="o",
                  markersize=4 if own else 2.5)
    axes.set_yscale("log")
    axes.set_ylim(1e-7, 3 * TOP)
    axes.set_yticks([1e-6, 1e-4, 1e-2, 1, 100, TOP],
                    ["1e-6", "1e-4", "0.01", "1", "100", "NaN"])
    axes.minorticks_off()
    axes.set_xticks(list(places), [str(mean) for mean in MEANS])
    axes.set_xlabel("mean of a channel, standard deviation 1")
    axes.set_title(title)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], loc="upper left", bbox_to_anchor=(1, 1), fontsize=7)


def main():
    pyplot = pictures.load_pyplot()
    if not pyplot:
        return 1
    libraries = document.load()
    figure, (left, right) = pyplot.subplots(1, 2, sharey=True, figsize=(11.5, 5))
    draw_panel(pyplot, left, "NCHW", read_series(libraries, "error_y_nchw"))
    draw_panel(pyplot, right, "NHWC", read_series(libraries, "error_y_nhwc"))
    left.set_ylabel("largest error of y in training, float32")
    figure.suptitle("Errors far from zero: cubn (thick) and other libraries; "
                    "each list is in the order of the right ends", fontsize=9)
    figure.tight_layout()
    pictures.save(pyplot, figure, ROOT / "docs" / "pictures" / "peers_error.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
