#!/usr/bin/env python3
"""Trains the fully connected networks of docs/LECTURE.md a second time, with NumPy alone, and
prints the test accuracies beside those of the program mlp. Needs NumPy, as matplotlib does.

    examples/claims/reference.py [--data FOLDER] [--program FILE] [--seeds N]

Both draw weights after Glorot and Bengio and shuffle in each epoch, with other random numbers: so
means and spreads over seeds are to be compared, not single trainings.
"""

import argparse
import csv
import pathlib
import subprocess
import tempfile

import numpy as np

EPOCHS, BATCH, EPSILON, FACTOR = 10, 64, 1e-5, 0.1
NETWORKS = (("sigmoid", 3, 100), ("relu", 3, 100), ("sigmoid", 6, 64))
RATES = (0.01, 0.1, 1, 5)
ACTIVATIONS = {"sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda y: y * (1 - y)),
               "relu": (lambda x: np.maximum(x, 0), lambda y: (y > 0).astype(y.dtype))}


def read_idx(path):
    content = path.read_bytes()
    dims = np.frombuffer(content, ">i4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(dims)


def read_images(folder, prefix):
    images = read_idx(folder / (prefix + "-images-idx3-ubyte"))
    return (images.reshape(len(images), -1).astype(np.float32) / np.float32(images.max()),
            read_idx(folder / (prefix + "-labels-idx1-ubyte")).astype(int))


class Network:
    def __init__(self, sizes, activation, batch_norm, rng):
        self.function, self.slope = ACTIVATIONS[activation]
        self.batch_norm = batch_norm
        self.weights = [(rng.uniform(-1, 1, pair) * np.sqrt(6 / sum(pair))).astype(np.float32)
                        for pair in zip(sizes, sizes[1:])]
        self.bias, self.scale, self.mean, self.var = (
            [np.full(n, value, np.float32) for n in sizes[1:]] for value in (0, 1, 0, 1))

    def normalize(self, k, x, training):
        """Returns normalized values and 1 / deviation."""
        mean, var, n = self.mean[k], self.var[k], len(x)
        if training:
            mean, var = x.mean(0), x.var(0)
            self.mean[k] = (1 - FACTOR) * self.mean[k] + FACTOR * mean
            self.var[k] = (1 - FACTOR) * self.var[k] + FACTOR * var * n / (n - 1)
        inv_std = 1 / np.sqrt(var + EPSILON)
        return (x - mean) * inv_std, inv_std

    def forward(self, x, training):
        """Logits, inputs of all layers, and what the backward pass of batch norm needs."""
        inputs, kept = [x], []
        for k, w in enumerate(self.weights[:-1]):
            z = inputs[-1] @ w
            if self.batch_norm:
                kept.append(self.normalize(k, z, training))
                z = kept[-1][0] * self.scale[k]
            inputs.append(self.function(z + self.bias[k]))
        return inputs[-1] @ self.weights[-1] + self.bias[-1], inputs, kept

    def step(self, x, labels, rate):
        logits, inputs, kept = self.forward(x, True)
        chance = np.exp(logits - logits.max(1, keepdims=True))
        gradient = chance / chance.sum(1, keepdims=True)
        gradient[np.arange(len(x)), labels] -= 1
        gradient /= np.float32(len(x))
        for k in reversed(range(len(self.weights))):
            if k < len(self.weights) - 1:
                gradient = gradient * self.slope(inputs[k + 1])
            bias_gradient = gradient.sum(0)
            if k < len(kept):
                x_hat, inv_std = kept[k]
                scale_gradient = (gradient * x_hat).sum(0)
                gradient = self.scale[k] * inv_std * (
                    gradient - (bias_gradient + x_hat * scale_gradient) / np.float32(len(x)))
                self.scale[k] = self.scale[k] - np.float32(rate) * scale_gradient
            weight_gradient = inputs[k].T @ gradient
            gradient = gradient @ self.weights[k].T
            self.weights[k] = self.weights[k] - np.float32(rate) * weight_gradient
            self.bias[k] = self.bias[k] - np.float32(rate) * bias_gradient


def train(data, activation, depth, width, batch_norm, rate, seed):
    """The accuracy on the test images."""
    (images, labels), (test_images, test_labels) = data
    rng = np.random.default_rng(seed)
    network = Network([images.shape[1]] + [width] * depth + [10], activation, batch_norm, rng)
    for _ in range(EPOCHS):
        order = rng.permutation(len(images))
        for first in range(0, len(images) - 1, BATCH):
            chosen = order[first:first + BATCH]
            network.step(images[chosen], labels[chosen], rate)
    logits = network.forward(test_images, False)[0]
    hits = (logits.argmax(1) == test_labels) & np.isfinite(logits).all(1)
    return hits.mean()


def run_program(program, data, activation, depth, width, batch_norm, rate, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "epochs.csv"
        command = [program, "--data", data, "--batch", BATCH, "--epochs", EPOCHS, "--activation",
                   activation, "--depth", depth, "--width", width, "--lr", rate, "--seed", seed,
                   "--csv", path] + ([] if batch_norm else ["--no-bn"])
        subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)
        with open(path, newline="") as file:
            return float(list(csv.DictReader(file))[-1]["test_accuracy"])


def summary(accuracies):
    """Mean, and the least and the greatest, in %."""
    low, high = 100 * min(accuracies), 100 * max(accuracies)
    return "%.1f (%.1f to %.1f)" % (100 * sum(accuracies) / len(accuracies), low, high)


def main():
    parser = argparse.ArgumentParser(description="The program mlp beside a training in NumPy.")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/mnist5k"))
    parser.add_argument("--program", default="build/examples/mlp")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    data = [read_images(options.data, prefix) for prefix in ("train", "t10k")]
    seeds = range(1, options.seeds + 1)
    np.seterr(all="ignore")  # some of the trainings diverge
    print("| network | rate | without, mlp | without, NumPy | with, mlp | with, NumPy |")
    print("|---|---|---|---|---|---|")
    for activation, depth, width in NETWORKS:
        for rate in RATES:
            cells = ["%s, %d x %d" % (activation, depth, width), "%g" % rate]
            for batch_norm in (False, True):
                setting = (activation, depth, width, batch_norm, rate)
                cells += [summary([run_program(options.program, options.data, *setting, s)
                                   for s in seeds]),
                          summary([train(data, *setting, s) for s in seeds])]
            print("| %s |" % " | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
