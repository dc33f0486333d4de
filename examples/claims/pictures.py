"""The pictures of the claims. Needs matplotlib."""

from pictures_inside import DRAW as INSIDE
from style import COLORS, NAMES, THIRD, WITH, WITHOUT, band, legend, panels, percent, save
from table import column, geometric_mean, mean, read, select, values
from training import best_rate


def rates(folder, out):
    rows = read(folder, "a.csv")
    networks = values(rows, "network")
    figure, axes = panels(1, len(networks), "Batch norm allows larger learning rates")
    for ax, network in zip(axes[0], networks):
        xs = values(rows, "rate")
        for b in (0, 1):
            samples = [column(rows, "test_accuracy", network=network, batch_norm=b, rate=x)
                       for x in xs]
            band(ax, xs, samples, COLORS[b], NAMES[b])
        ax.set(title=network, xscale="log", xlabel="learning rate", ylim=(0, 1.02))
        percent(ax)
    axes[0][0].set_ylabel("test accuracy")
    legend(figure, axes[0][0])
    save(figure, out / "a.svg")


def convergence(folder, out):
    rows = read(folder, "b.csv")
    networks = values(rows, "network")
    figure, axes = panels(1, len(networks), "Fewer steps, each at its fastest learning rate", 4.4)
    fastest = ["", ""]
    for ax, network in zip(axes[0], networks):
        for b in (0, 1):
            rate = best_rate(rows, network, b)[0] or max(values(rows, "rate"))
            chosen = select(rows, network=network, batch_norm=b, rate=rate)
            xs = values(chosen, "step")
            band(ax, xs, [column(chosen, "test_accuracy", step=x) for x in xs], COLORS[b],
                 NAMES[b])
            fastest[b] = "%g" % rate
        ax.set(title="%s, rates %s without and %s with" % (network, *fastest), xscale="log",
               xlabel="training steps", ylim=(0, 1.02))
        percent(ax)
    axes[0][0].set_ylabel("test accuracy")
    legend(figure, axes[0][0])
    save(figure, out / "b.svg")


def gradients(folder, out):
    rows = read(folder, "c.csv")
    networks = values(rows, "network")
    figure, axes = panels(1, len(networks), "Gradients of the layers of a deep network", 4.4)
    for ax, network in zip(axes[0], networks):
        steps = values(rows, "step", network=network, batch_norm=1, layer=1)
        layers = values(rows, "layer", network=network, batch_norm=1, step=steps[0])
        for b in (0, 1):
            for step, line in zip((steps[0], steps[len(steps) // 2], steps[-1]), ("-", "--", ":")):
                ax.plot(layers, [geometric_mean(column(
                    rows, "gradient_norm", network=network, batch_norm=b, step=step, layer=layer))
                    for layer in layers], line, color=COLORS[b],
                    label="%s, step %d" % (NAMES[b], step))
        ax.set(title="ten layers of 64, %s" % network, yscale="log", xlabel="layer (11: output)",
               xticks=layers)
    axes[0][0].set_ylabel("norm of the weights' gradient")
    legend(figure, axes[0][0], 2)
    low = min(ax.get_ylim()[0] for ax in axes[0])
    high = max(ax.get_ylim()[1] for ax in axes[0])
    for ax in axes[0]:
        ax.set_ylim(low, high)
    save(figure, out / "c.svg")


def distributions(folder, out):
    rows = read(folder, "d.csv")
    seed = values(rows, "seed")[0]
    figure, axes = panels(1, 3, "What a unit of the last hidden layer gets")
    for b in (0, 1):
        unit = select(rows, batch_norm=b, seed=seed, unit=0)
        xs = column(unit, "step")
        axes[0][b].fill_between(xs, column(unit, "p15"), column(unit, "p85"), color=COLORS[b],
                                alpha=0.25, linewidth=0, label="15th to 85th percentile")
        axes[0][b].plot(xs, column(unit, "p50"), color=COLORS[b], label="median")
        axes[0][b].set(title=NAMES[b], xlabel="training steps", ylim=(-3.2, 3.2))
        axes[0][b].legend(loc="upper right")
        steps = values(rows, "step", batch_norm=b)
        axes[0][2].plot(steps, [mean(column(rows, "test_accuracy", batch_norm=b, step=s))
                                for s in steps], color=COLORS[b], label=NAMES[b])
    axes[0][0].set_ylabel("input of the sigmoid")
    axes[0][2].set(title="test accuracy", xlabel="training steps", ylim=(0, 1.02))
    axes[0][2].legend(loc="lower right")
    percent(axes[0][2])
    save(figure, out / "d.svg")


def ranks(folder, out):
    rows = read(folder, "i.csv")
    figure, axes = panels(1, 2, "Batches of 8: one process, and four ranks with two images each",
                          4.4)
    for variant, color, style in zip(values(rows, "variant"), (WITHOUT, WITH, THIRD),
                                     ("-", "--", "-")):
        chosen = select(rows, variant=variant)
        xs = values(chosen, "epoch")
        for ax, key in zip(axes[0], ("loss", "test_accuracy")):
            band(ax, xs, [column(chosen, key, epoch=x) for x in xs], color, variant, style)
            ax.set_xlabel("epoch")
    axes[0][0].set(title="training loss", ylim=(0, None))
    axes[0][1].set(title="test accuracy", ylim=(0, 1.02))
    percent(axes[0][1])
    legend(figure, axes[0][0])
    save(figure, out / "i.svg")


DRAW = {"a": rates, "b": convergence, "c": gradients, "d": distributions, "i": ranks, **INSIDE}


def draw(claim, folder, out):
    DRAW[claim](folder, out)
