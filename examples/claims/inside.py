"""Verdicts on how batch norm works: claims e to h."""

from table import Verdict, column, difference, mean, median, read, select, slope, values


def landscape(folder):
    yield from smoothness(folder)
    yield from noisy(folder)
    yield from covariate_shift(folder)


def smoothness(folder):
    """Medians over the steps of each training, and whether their means differ beyond chance."""
    rows = read(folder, "e_landscape.csv")
    seeds = values(rows, "seed")
    for network in values(rows, "network"):
        holds, texts = True, []
        for name, number in (("range of the loss", lambda r: r["loss_most"] - r["loss_least"]),
                             ("change of the gradient", lambda r: r["change_most"]),
                             ("effective smoothness", lambda r: r["smoothness"])):
            without, with_ = ([median([number(r) for r in select(
                rows, network=network, batch_norm=b, seed=s)]) for s in seeds] for b in (0, 1))
            apart, error = difference(without, with_)
            holds = holds and apart > error
            texts.append("%s %.3g and %.3g (+- %.2g)" % (name, mean(without), mean(with_), error))
        yield Verdict("e.smooth " + network, holds,
                      "medians without and with: " + ", ".join(texts))


def noisy(folder):
    """Judged by the accuracy over the whole training: in the end the plain network may catch up.
    And the noise must have undone the stability, or nothing is shown."""
    rows = read(folder, "e_noisy.csv")
    last = max(column(rows, "epoch"))
    variants = plain, normal, noise = values(rows, "variant")
    over_all = {v: [mean(column(rows, "test_accuracy", variant=v, seed=seed))
                    for seed in values(rows, "seed")] for v in variants}
    change = {v: median(column(rows, "mean_change", variant=v)) for v in variants}
    apart, error = difference(over_all[normal], over_all[noise])
    better, margin = difference(over_all[noise], over_all[plain])
    yield Verdict("e.noisy", apart <= max(0.01, error) and better > margin and
                  change[noise] > 10 * change[normal],
                  "accuracy over the training and at its end: " + ", ".join(
                      "%s %.1f and %.1f %%" % (v, 100 * mean(over_all[v]), 100 * mean(
                          column(rows, "test_accuracy", variant=v, epoch=last)))
                      for v in variants) +
                  "; a step moves a unit's mean by %.2g, %.2g and %.2g of its spread" % tuple(
                      change[v] for v in variants))


def covariate_shift(folder):
    """The statement is that batch norm does not reduce the shift."""
    rows = read(folder, "e_shift.csv")
    for network in values(rows, "network"):
        cosine, relative, loss = [], [], []
        for b in (0, 1):
            chosen = select(rows, network=network, batch_norm=b)
            later = [r for r in chosen if r["step"] > 0]
            cosine.append(mean(column(later, "cosine")))
            relative.append(median([r["difference"] / r["gradient_norm"] for r in later]))
            loss.append(mean(column(chosen, "loss", step=max(column(chosen, "step")))))
        yield Verdict("e.shift " + network, cosine[1] <= cosine[0] and relative[1] >= relative[0],
                      "a layer's gradient before and after the step of the layers below: cosine "
                      "%.2f without, %.2f with; relative difference %.2g and %.2g; loss at the end "
                      "%.3g and %.3g" % (*cosine, *relative, *loss))


def noise(folder):
    yield from spread(folder)
    yield from gap(folder)


def spread(folder):
    rows = read(folder, "f_spread.csv")
    batches = values(rows, "batch")
    slopes = {key: slope(batches, [mean(column(rows, key, layer=1, batch=b)) for b in batches])
              for key in ("shift_spread", "scale_spread")}
    deep = [mean(column(rows, "shift_spread", layer=layer, batch=64))
            for layer in (1, max(column(rows, "layer")))]
    yield Verdict("f.spread", all(abs(s + 0.5) < 0.1 for s in slopes.values()),
                  "in the first layer the spread over batches of n images falls as n to the power "
                  "of %.2f for the mean, %.2f for the deviation, where -0.5 is expected; at 64 "
                  "images the mean spreads by %.3f deviations there, by %.3f in the last layer" % (
                      *slopes.values(), *deep))


def gap(folder):
    """Both statements are asked at each batch size, since the batch makes the noise."""
    rows = read(folder, "f_gap.csv")
    for r in rows:
        r["gap"] = r["train_accuracy"] - r["test_accuracy"]

    def compare(key, first, second):
        return {b: difference(column(rows, key, variant=first, batch=b),
                              column(rows, key, variant=second, batch=b))
                for b in values(rows, "batch")}

    def text(differences):
        return ", ".join("%d: %.1f +- %.1f" % (b, 100 * apart, 100 * error)
                         for b, (apart, error) in differences.items())

    gaps = ", ".join("%s %.1f" % (v, 100 * mean(column(rows, "gap", variant=v)))
                     for v in values(rows, "variant"))
    less, more = compare("gap", "neither", "batch norm"), compare("test_accuracy", "both",
                                                                  "batch norm")
    yield Verdict("f.regularizes", all(apart > error for apart, error in less.values()),
                  "training minus test accuracy, in points: %s; batch norm narrows it, by batch "
                  "size, by %s" % (gaps, text(less)))
    yield Verdict("f.no_dropout", all(apart <= error for apart, error in more.values()),
                  "what dropout adds to batch norm, in points of test accuracy, by batch size: " +
                  text(more))


def inference(folder):
    rows = read(folder, "g_test.csv")
    batches = values(rows, "batch")
    running = column(rows, "accuracy", statistics="running", batch=batches[0])
    worse = {(o, b): difference(running, column(rows, "accuracy", statistics="batch", order=o,
                                                batch=b))
             for o in ("shuffled", "by class") for b in batches}

    def accuracies(order, chosen):
        return ", ".join("%d: %.1f" % (b, 100 * mean(column(
            rows, "accuracy", statistics="batch", order=order, batch=b))) for b in chosen)

    yield Verdict("g.running", all(apart >= -error for apart, error in worse.values()) and
                  worse["shuffled", 1][0] > 0.5,
                  "running statistics %.1f %%; the test batch's, by its size: %s %%; sorted by "
                  "class: %s %%" % (100 * mean(running), accuracies("shuffled", (1, 2, 8, 32, 128)),
                                    accuracies("by class", (8, 128))))
    rows = read(folder, "g_train.csv")
    batches = values(rows, "batch")
    loss = [difference(column(rows, "running_accuracy", batch_norm=b, batch=64),
                       column(rows, "running_accuracy", batch_norm=b, batch=2)) for b in (0, 1)]
    yield Verdict("g.tiny_batches", loss[1][0] > loss[1][1] and loss[1][0] > loss[0][0],
                  "accuracy with batch norm after training with batches of " +
                  ", ".join("%d: %.1f %%" % (b, 100 * mean(column(
                      rows, "running_accuracy", batch_norm=1, batch=b))) for b in batches) +
                  "; without, %d: %.1f %%, %d: %.1f %%" % (
                      2, 100 * mean(column(rows, "running_accuracy", batch_norm=0, batch=2)),
                      64, 100 * mean(column(rows, "running_accuracy", batch_norm=0, batch=64))))


def channels(folder):
    rows = read(folder, "h.csv")
    batches = values(rows, "batch")

    def compare(key, chosen):
        return difference(*([r[key] for r in rows if r["batch"] in chosen and
                             r["statistics"] == s] for s in ("per channel", "per activation")))

    (small, error), (moved, margin) = compare("test_accuracy", batches[:2]), compare(
        "moved_accuracy", batches)
    large = compare("test_accuracy", batches[2:])
    yield Verdict("h", small > error and moved > margin and large[0] > -large[1],
                  "per channel minus per activation, in points: batches of %d and %d %.1f +- %.1f, "
                  "larger ones %.1f +- %.1f, test images moved by a pixel %.1f +- %.1f; parameters "
                  "%d and %d" % (*batches[:2], 100 * small, 100 * error, 100 * large[0],
                                 100 * large[1], 100 * moved, 100 * margin,
                                 *(column(rows, "parameters", statistics=s)[0]
                                   for s in ("per channel", "per activation"))))
