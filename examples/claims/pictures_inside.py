"""The pictures of claims e to h. Needs matplotlib."""

from style import (COLORS, FOURTH, NAMES, THIRD, WITH, WITHOUT, band, batch_axis, legend, log_axis,
                   panels, percent, save)
from table import column, geometric_mean, mean, median, read, select, values


def landscape(folder, out):
    smoothness(folder, out)
    noisy(folder, out)
    covariate_shift(folder, out)


def smoothness(folder, out):
    rows = read(folder, "e_landscape.csv")
    networks = values(rows, "network")
    kinds = (("loss", "loss_least", "loss_most"),
             ("change of the gradient", "change_least", "change_most"),
             ("effective smoothness", "smoothness", "smoothness"))
    figure, axes = panels(len(networks), 3, "Moving by 0.5 to 4 times the learning rate along the "
                          "gradient: less is smoother", 3.3, 2.4)
    for line, network in zip(axes, networks):
        for ax, (title, least, most) in zip(line, kinds):
            for b in (0, 1):
                chosen = select(rows, network=network, batch_norm=b)
                xs = values(chosen, "step")
                low, high = ([geometric_mean(column(chosen, key, step=x)) for x in xs]
                             for key in (least, most))
                if least == most:
                    ax.plot(xs, low, color=COLORS[b], label=NAMES[b])
                else:
                    ax.fill_between(xs, low, high, color=COLORS[b], alpha=0.6, linewidth=0,
                                    label=NAMES[b])
            ax.set_title("%s: %s" % (network, title))
            log_axis(ax)
    for ax in axes[-1]:
        ax.set_xlabel("training steps")
    legend(figure, axes[0][0])
    save(figure, out / "e_landscape.svg")


def noisy(folder, out):
    rows = read(folder, "e_noisy.csv")
    variants = values(rows, "variant")
    figure, axes = panels(1, 2, "Batch norm with noise behind it trains as well", 4.4)
    for variant, color, style in zip(variants, (WITHOUT, WITH, THIRD), ("-", "-", "--")):
        chosen = select(rows, variant=variant)
        xs = values(chosen, "epoch")
        for ax, key in zip(axes[0], ("test_accuracy", "mean_change")):
            band(ax, xs, [column(chosen, key, epoch=x) for x in xs], color, variant,
                 style, center=median)
    axes[0][0].set(title="test accuracy", xlabel="epoch", ylim=(0, 1.02))
    percent(axes[0][0])
    axes[0][1].set(title="how far a step moves a unit's mean, in its spread", xlabel="epoch",
                   yscale="log")
    legend(figure, axes[0][0])
    save(figure, out / "e_noisy.svg")


def covariate_shift(folder, out):
    rows = read(folder, "e_shift.csv")
    networks = values(rows, "network")
    figure, axes = panels(len(networks), 3,
                          "A layer's gradient before and after the step of the layers below",
                          3.3, 2.4)
    for line, network in zip(axes, networks):
        for b in (0, 1):
            chosen = select(rows, network=network, batch_norm=b)
            xs = values(chosen, "step")
            line[0].plot(xs, [geometric_mean(column(chosen, "loss", step=x)) for x in xs],
                         color=COLORS[b], label=NAMES[b])
            line[1].plot(xs, [mean(column(chosen, "cosine", step=x)) for x in xs], color=COLORS[b])
            line[2].plot(xs, [geometric_mean(
                [r["difference"] / r["gradient_norm"] for r in select(chosen, step=x)])
                for x in xs], color=COLORS[b])
        line[0].set_title("%s: loss" % network)
        line[1].set(title="cosine of both", ylim=(-0.25, 1.05))
        line[2].set_title("relative difference")
        log_axis(line[0])
        log_axis(line[2])
    for ax in axes[-1]:
        ax.set_xlabel("training steps")
    legend(figure, axes[0][0])
    save(figure, out / "e_shift.svg")


def noise(folder, out):
    spread(folder, out)
    gap(folder, out)


def spread(folder, out):
    rows = read(folder, "f_spread.csv")
    batches = values(rows, "batch")
    figure, axes = panels(1, 2, "Batch statistics are random: their spread over batches", 4.4)
    for ax, key, title in zip(axes[0], ("shift_spread", "scale_spread"),
                              ("batch mean, in standard deviations",
                               "batch deviation, over the true one")):
        for layer, color in zip(values(rows, "layer"), (WITH, THIRD, FOURTH)):
            band(ax, batches, [column(rows, key, layer=layer, batch=b) for b in batches], color,
                 "layer %d" % layer)
        first = mean(column(rows, key, layer=1, batch=batches[0]))
        ax.plot(batches, [first * (batches[0] / b) ** 0.5 for b in batches], ":", color="black",
                label="1 / square root")
        ax.set_title(title)
        log_axis(ax)
        batch_axis(ax, batches)
    legend(figure, axes[0][1])
    save(figure, out / "f_spread.svg")


def gap(folder, out):
    rows = read(folder, "f_gap.csv")
    batches, variants = values(rows, "batch"), values(rows, "variant")
    figure, axes = panels(1, 2, "Batch norm and dropout, few training images", 4.4)
    for i, (variant, color) in enumerate(zip(variants, (WITHOUT, WITH, THIRD, FOURTH))):
        for k, batch in enumerate(batches):
            chosen = select(rows, variant=variant, batch=batch)
            for ax, numbers in zip(axes[0], (
                    column(chosen, "test_accuracy"),
                    [r["train_accuracy"] - r["test_accuracy"] for r in chosen])):
                x = k + 0.16 * (i - 1.5)
                ax.plot([x] * len(numbers), numbers, "o", color=color, alpha=0.35, markersize=3)
                ax.plot([x - 0.06, x + 0.06], [mean(numbers)] * 2, color=color, linewidth=2.5,
                        label=variant if k == 0 else None)
    for ax, title in zip(axes[0], ("test accuracy", "training minus test accuracy")):
        ax.set(title=title, xlabel="images per batch", xticks=range(len(batches)))
        ax.set_xticklabels(["%d" % b for b in batches])
        ax.grid(axis="x", visible=False)
        percent(ax)
    legend(figure, axes[0][0])
    save(figure, out / "f_gap.svg")


def inference(folder, out):
    rows = read(folder, "g_test.csv")
    batches = values(rows, "batch")
    figure, axes = panels(1, 2, "Running statistics, and what small batches do", 4.4)
    for statistics, order, color, label in (
            ("running", "shuffled", WITH, "running statistics"),
            ("batch", "shuffled", THIRD, "the test batch's statistics"),
            ("batch", "by class", FOURTH, "the same, images sorted by class")):
        band(axes[0][0], batches, [column(rows, "accuracy", statistics=statistics, order=order,
                                          batch=b) for b in batches], color, label)
    axes[0][0].set(title="inference", ylim=(0, 1.02), ylabel="test accuracy")
    batch_axis(axes[0][0], batches, "images per test batch")
    rows = read(folder, "g_train.csv")
    batches = values(rows, "batch")
    for b, key, color, label in ((0, "running_accuracy", WITHOUT, "without batch norm"),
                                 (1, "running_accuracy", WITH, "running statistics"),
                                 (1, "batch_accuracy", THIRD, "the test batch's statistics")):
        band(axes[0][1], batches, [column(rows, key, batch_norm=b, batch=x) for x in batches],
             color, label)
    axes[0][1].set(title="after training with small batches", ylim=(0, 1.02))
    batch_axis(axes[0][1], batches, "images per training batch")
    for ax in axes[0]:
        percent(ax)
    handles = {label: handle for ax in axes[0]
               for handle, label in zip(*ax.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    save(figure, out / "g.svg")


def channels(folder, out):
    rows = read(folder, "h.csv")
    batches = values(rows, "batch")
    figure, axes = panels(1, 2, "Convolution: statistics per channel or per activation", 4.4)
    for statistics, color in zip(values(rows, "statistics"), (WITH, WITHOUT)):
        for ax, key in zip(axes[0], ("test_accuracy", "moved_accuracy")):
            band(ax, batches, [column(rows, key, statistics=statistics, batch=b) for b in batches],
                 color, statistics)
    for ax, title in zip(axes[0], ("test accuracy", "test images moved by a pixel")):
        ax.set(title=title, ylim=(0, 1.02))
        percent(ax)
        batch_axis(ax, batches, "images per training batch")
    axes[0][0].set_ylabel("accuracy")
    legend(figure, axes[0][0])
    save(figure, out / "h.svg")


DRAW = {"e": landscape, "f": noise, "g": inference, "h": channels}
