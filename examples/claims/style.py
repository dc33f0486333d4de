"""How all pictures look. Needs matplotlib."""

import io
import re

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402

WITHOUT, WITH, THIRD, FOURTH = "#c44e52", "#1f6fa8", "#4f9d69", "#8c6bb1"
NAMES = {0: "without batch norm", 1: "with batch norm"}
COLORS = {0: WITHOUT, 1: WITH}

plt.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "cubn", "font.family": "sans-serif", "font.size": 9,
    "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e5e5e5", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "legend.frameon": False, "legend.fontsize": 8, "lines.linewidth": 1.6, "path.simplify": True})


def panels(rows, columns, title, width=3.3, height=2.7):
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows + 0.4),
                                squeeze=False, layout="constrained")
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure, axes


def band(axes, xs, samples, color, label=None, style="-", width=1.6, center=None):
    """A line through the means of the samples at each x, in a band from least to greatest."""
    lines = [center(s) if center else sum(s) / len(s) for s in samples]
    axes.plot(xs, lines, style, color=color, label=label, linewidth=width)
    axes.fill_between(xs, [min(s) for s in samples], [max(s) for s in samples], color=color,
                      alpha=0.15, linewidth=0)


def legend(figure, axes, columns=4):
    """One legend for all panels, below them."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def percent(axes):
    axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))


def log_axis(axes):
    """Logarithmic, with numbers like 0.2 where the axis has few decades."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if high < 200 * low:
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def batch_axis(axes, batches, label="images per batch"):
    axes.set_xscale("log", base=2)
    axes.set_xticks(batches, ["%d" % b for b in batches])
    axes.minorticks_off()
    axes.set_xlabel(label)


def save(figure, path):
    """SVG, with coordinates rounded to what can be seen."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    path.write_text(re.sub(r"(?<![\d.])[1-9]\d*\.\d{3,}", lambda m: "%.2f" % float(m[0]),
                           text.getvalue()))
