"""Verdicts on what training shows: claims a to d, and i."""

from table import (Verdict, column, difference, geometric_mean, mean, median, read, select,
                   standard_error, values)

NEAR = 0.05  # a rate is usable if its accuracy is so near to the best one of the same network
LEARNED = 0.5  # a network whose best accuracy is less has not learned
TARGET = 0.9
POINTS = 0.01  # accuracies that differ by less count as the same


def usable_rate(rows, network, batch_norm):
    """The largest rate whose mean final accuracy is near that at the best rate; 0 if the network
    learns at none."""
    rates = values(rows, "rate")
    means = {r: mean(column(rows, "test_accuracy", network=network, batch_norm=batch_norm, rate=r))
             for r in rates}
    best = max(means.values())
    return max(r for r in rates if means[r] >= best - NEAR) if best >= LEARNED else 0


def rates(folder):
    rows = read(folder, "a.csv")
    largest = {n: (usable_rate(rows, n, 0), usable_rate(rows, n, 1))
               for n in values(rows, "network")}
    texts = {n: " and ".join("%g" % rate if rate else "none" for rate in pair)
             for n, pair in largest.items()}
    yield Verdict("a", all(with_ > without for without, with_ in largest.values()),
                  "largest rate within 5 points of the best accuracy, without and with: " +
                  ", ".join("%s %s" % pair for pair in texts.items()))


def steps_to(rows, target):
    """The first recorded step with that accuracy, for each seed; None for never."""
    first = dict.fromkeys(values(rows, "seed"))
    for r in rows:
        if r["test_accuracy"] >= target and first[r["seed"]] is None:
            first[r["seed"]] = r["step"]
    return list(first.values())


def best_rate(rows, network, batch_norm, target=TARGET):
    """(rate, steps of all seeds) that reaches the target first on average, if all seeds do."""
    best = (None, None)
    for rate in values(rows, "rate"):
        steps = steps_to(select(rows, network=network, batch_norm=batch_norm, rate=rate), target)
        if None not in steps and (best[1] is None or mean(steps) < mean(best[1])):
            best = (rate, steps)
    return best


def final_accuracies(rows, network, batch_norm):
    """Of all seeds, at the rate with the best mean."""
    last = max(column(rows, "step", network=network))
    finals = [column(rows, "test_accuracy", network=network, batch_norm=batch_norm, rate=rate,
                     step=last) for rate in values(rows, "rate")]
    return max(finals, key=mean)


def convergence(folder):
    rows = read(folder, "b.csv")
    faster, texts, same, same_texts = True, [], True, []
    for network in values(rows, "network"):
        (rate0, steps0), (rate1, steps1) = (best_rate(rows, network, b) for b in (0, 1))
        if steps1 is None:
            faster = False
            texts.append("%s: never with" % network)
        elif steps0 is None:
            texts.append("%s: never without, %.0f with" % (network, mean(steps1)))
        else:
            gain, error = difference(steps0, steps1)
            faster = faster and gain > error
            texts.append("%s: %.0f +- %.0f without at rate %g, %.0f +- %.0f with at rate %g, "
                         "%.1f times fewer" % (
                             network, mean(steps0), standard_error(steps0), rate0, mean(steps1),
                             standard_error(steps1), rate1, mean(steps0) / mean(steps1)))
        plain, normal = (final_accuracies(rows, network, b) for b in (0, 1))
        apart, error = difference(normal, plain)
        same = same and abs(apart) <= max(POINTS, error)
        same_texts.append("%s: %.1f %% without, %.1f %% with" % (
            network, 100 * mean(plain), 100 * mean(normal)))
    yield Verdict("b.faster", faster,
                  "steps to %.0f %%, each at its best rate; " % (100 * TARGET) + "; ".join(texts))
    yield Verdict("b.same_end", same,
                  "final accuracy, each at its best rate; " + "; ".join(same_texts))


def layer_ratio(rows, network, batch_norm):
    """Gradient norm of the lowest layer's weights over that of the highest hidden layer's: the
    geometric mean over training."""
    chosen = select(rows, network=network, batch_norm=batch_norm)
    top = max(column(chosen, "layer")) - 1
    low, high = (column(chosen, "gradient_norm", layer=layer) for layer in (1, top))
    return geometric_mean(low) / geometric_mean(high)


def gradients(folder):
    rows = read(folder, "c.csv")
    for network in values(rows, "network"):
        without, with_ = (layer_ratio(rows, network, b) for b in (0, 1))
        last = max(column(rows, "step", network=network))
        accuracy = [mean(column(rows, "test_accuracy", network=network, batch_norm=b, step=last))
                    for b in (0, 1)]
        yield Verdict("c." + network, without < 0.1 <= with_ <= 10,
                      "gradient of the lowest over that of the highest hidden layer: %.2g without, "
                      "%.2g with; accuracy %.1f %% and %.1f %%" % (
                          without, with_, 100 * accuracy[0], 100 * accuracy[1]))


def wandering(rows, batch_norm):
    """For each unit of each training: how far its median wandered, in units of the mean distance
    between the outer percentiles; and the greatest of these distances over the least."""
    units = {}
    for r in select(rows, batch_norm=batch_norm):
        units.setdefault((r["seed"], r["unit"]), []).append(r)
    drifts, widths = [], []
    for unit in units.values():
        width = [r["p85"] - r["p15"] for r in unit]
        middle = [r["p50"] for r in unit]
        drifts.append((max(middle) - min(middle)) / mean(width))
        widths.append(max(width) / max(min(width), 1e-9))
    return median(drifts), median(widths)


def distributions(folder):
    rows = read(folder, "d.csv")
    (drift0, width0), (drift1, width1) = (wandering(rows, b) for b in (0, 1))
    yield Verdict("d", drift1 < drift0 and width1 < width0,
                  "typical unit: its median wanders over %.2g of its spread without, %.2g with; "
                  "its spread changes by a factor of %.3g without, %.3g with" % (
                      drift0, drift1, width0, width1))


def ranks(folder):
    """Over the whole training the synchronized losses are those of one process, but for rounding
    that the training amplifies; what each rank alone loses is more than that, and beyond chance."""
    rows = read(folder, "i.csv")
    seeds, last = values(rows, "seed"), max(column(rows, "epoch"))
    one, joint, alone = ([column(rows, "loss", variant=v, seed=s) for s in seeds]
                         for v in ("one process", "synchronized", "each rank alone"))

    def apart(losses):
        return max(abs(a - b) / b for seed, other in zip(losses, one) for a, b in zip(seed, other))

    first = max(abs(a[0] - b[0]) / b[0] for a, b in zip(joint, one))
    less, error = difference([a[-1] for a in alone], [b[-1] for b in one])
    accuracies = [100 * mean(column(rows, "test_accuracy", variant=v, epoch=last))
                  for v in values(rows, "variant")]
    yield Verdict("i", first < 1e-3 and apart(joint) < 0.02 and less > error,
                  "losses of four ranks with two images each, from those of one process with "
                  "eight: synchronized at most %.1g apart in the first epoch, %.1g in all; each "
                  "rank alone %.2g; loss after %d epochs %.2f in one process, %.2f synchronized, "
                  "%.2f alone; test accuracy %.1f, %.1f and %.1f %%" % (
                      first, apart(joint), apart(alone), last,
                      *(mean([seed[-1] for seed in losses]) for losses in (one, joint, alone)),
                      *accuracies))
