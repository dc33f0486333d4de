#!/usr/bin/env python3
"""What a synchronized call adds to a layer, by a model: tables for docs/DISTRIBUTED.md.

    tests/distributed/model.py [--latency US] [--bandwidth GB/S] [--forward NS] [--backward NS]

Gathering: ceil(log2 R) messages one after another (Bruck), each rank receives the blocks of R - 1
others, and merges R blocks. Reducing, over a tree of fixed shape: 2 ceil(log2 R) messages of a
block one after another, up and down, and ceil(log2 R) merges of two blocks. The times to merge a
channel of a block are those that simulate-ranks measures."""

import argparse
import math

RANKS = (2, 4, 8, 16, 32, 64, 128, 512, 1024, 4096, 100000)
CHANNELS = (64, 256, 2048)
PASSES = {"forward": 3, "backward": 2}  # values per channel


def block_bytes(channels, values):
    return max(256, 64 + 8 * values * channels)


def gathering(ranks, channels, values, merge, o):
    receive = (ranks - 1) * block_bytes(channels, values) / (1e3 * o.bandwidth)
    return math.ceil(math.log2(ranks)) * o.latency + receive + 1e-3 * merge * channels * ranks


def reducing(ranks, channels, values, merge, o):
    message = o.latency + block_bytes(channels, values) / (1e3 * o.bandwidth)
    return math.ceil(math.log2(ranks)) * (2 * message + 2e-3 * merge * channels)


def both_passes(method, ranks, channels, o):
    return sum(method(ranks, channels, values, getattr(o, name), o)
               for name, values in PASSES.items())


def text(us):
    return "%.0f us" % us if us < 1e3 else "%.1f ms" % (us / 1e3) if us < 1e6 else \
        "%.1f s" % (us / 1e6)


def size(count):
    return "%.0f KB" % (count / 1e3) if count < 1e6 else "%.1f MB" % (count / 1e6) \
        if count < 1e9 else "%.1f GB" % (count / 1e9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--latency", type=float, default=2, help="of a message, us (default 2)")
    parser.add_argument("--bandwidth", type=float, default=10, help="of a rank, GB/s (default 10)")
    parser.add_argument("--forward", type=float, default=2.7, help="merging a channel, ns")
    parser.add_argument("--backward", type=float, default=1.5, help="the same")
    o = parser.parse_args()
    print("| ranks | " + " | ".join("C = %d: gathering | reducing | memory" % c for c in CHANNELS) +
          " |\n|---|" + "---|---|---|" * len(CHANNELS))
    for ranks in RANKS:
        cells = [cell for c in CHANNELS for cell in (
            text(both_passes(gathering, ranks, c, o)), text(both_passes(reducing, ranks, c, o)),
            size(ranks * block_bytes(c, 3)))]
        print("| %d | %s |" % (ranks, " | ".join(cells)))
    for c in CHANNELS:
        first = next(r for r in range(2, 10 ** 6)
                     if both_passes(reducing, r, c, o) < both_passes(gathering, r, c, o))
        print("C = %d: reducing is faster from %d ranks on" % (c, first))


if __name__ == "__main__":
    main()
