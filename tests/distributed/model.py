#!/usr/bin/env python3
"""What a synchronized call adds to a layer, by a model: tables for docs/DISTRIBUTED.md.

    tests/distributed/model.py [--latency US] [--bandwidth GB/S] [--forward NS] [--backward NS]

Gathering: ceil(log2 R) messages one after another (Bruck), each rank receives the blocks of R - 1
others, and merges R blocks. Dividing: an all-to-all of blocks of P = ceil(C / R) channels, merges
of these, and a gather of what all have merged, 24 bytes per channel. The all-to-all is the faster
one of ceil(log2 R) messages of R / 2 blocks (Bruck) and R - 1 messages of one block. The times to
merge a channel of a block, and for its header, are those that simulate-ranks measures."""

import argparse
import math

RANKS = (2, 4, 8, 16, 32, 64, 128, 512, 1024, 4096, 100000)
CHANNELS = (64, 128, 256, 512, 1024, 2048)
SHOWN = (64, 256, 2048)  # of the channels, in the table
PASSES = {"forward": 3, "backward": 2}  # values per channel
DIVIDED_CHANNELS_MIN, DIVIDED_BLOCKS_MIN = 64, 8192  # of src/host/communicator.c


def block_bytes(channels, values):
    return max(256, 64 + 8 * values * channels)


def gather(ranks, size, o):
    return math.ceil(math.log2(ranks)) * o.latency + (ranks - 1) * size / (1e3 * o.bandwidth)


def all_to_all(ranks, size, o):
    block = size / (1e3 * o.bandwidth)
    return min(math.ceil(math.log2(ranks)) * (o.latency + ranks / 2 * block),
               (ranks - 1) * (o.latency + block))


def gathering(ranks, channels, values, merge, o):
    return gather(ranks, block_bytes(channels, values), o) + 1e-3 * merge * channels * ranks


def dividing(ranks, channels, _, merge, o):
    part = math.ceil(channels / ranks)
    return all_to_all(ranks, max(o.block, 64 + 24 * part), o) + gather(ranks, 24 * part, o) + \
        1e-3 * (merge * part + o.header) * ranks


def both_passes(method, ranks, channels, o):
    return sum(method(ranks, channels, values, getattr(o, name), o)
               for name, values in PASSES.items())


def divides(ranks, channels):
    return channels >= DIVIDED_CHANNELS_MIN and ranks * channels >= DIVIDED_BLOCKS_MIN


def memory(ranks, channels):
    """Bytes of all blocks that a rank has, where it gathers and where it divides."""
    part = math.ceil(channels / ranks)
    return (ranks + 1) * block_bytes(channels, 3), \
        ranks * (2 * block_bytes(part, 3) + 24 * part) + 24 * part


def text(us):
    return "%.0f us" % us if us < 1e3 else "%.1f ms" % (us / 1e3) if us < 1e6 else \
        "%.1f s" % (us / 1e6)


def size(count):
    return "%.0f KB" % (count / 1e3) if count < 1e6 else "%.1f MB" % (count / 1e6) \
        if count < 1e9 else "%.1f GB" % (count / 1e9)


def first_that_stays(channels, o):
    """From how many ranks on dividing is faster, for all numbers up to twice as many."""
    faster = [r >= 2 and both_passes(dividing, r, channels, o) <
              both_passes(gathering, r, channels, o) for r in range(4097)]
    return next((r for r in range(2, 2049) if all(faster[r:2 * r + 1])), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--latency", type=float, default=2, help="of a message, us (default 2)")
    parser.add_argument("--bandwidth", type=float, default=10, help="of a rank, GB/s (default 10)")
    parser.add_argument("--forward", type=float, default=2.7, help="merging a channel, ns")
    parser.add_argument("--backward", type=float, default=1.5, help="the same")
    parser.add_argument("--header", type=float, default=8, help="of a divided block, ns")
    parser.add_argument("--block", type=int, default=64, help="least bytes of a divided block, "
                        "64 in host memory (default), 256 in device memory")
    o = parser.parse_args()
    print("| ranks | " + " | ".join("C = %d: gathering | dividing" % c for c in SHOWN) +
          " | memory, gathering | dividing |\n|---|" + "---|---|" * (len(SHOWN) + 1))
    for ranks in RANKS:
        cells = [text(both_passes(method, ranks, c, o)) + ("*" if is_divided == divides(ranks, c)
                                                           else "")
                 for c in SHOWN for method, is_divided in ((gathering, False), (dividing, True))]
        print("| %d | %s |" % (ranks, " | ".join(cells + [size(m) for m in
                                                           memory(ranks, SHOWN[-1])])))
    print("* what cubn does; memory of C = %d" % SHOWN[-1])
    for c in CHANNELS:
        print("C = %d: dividing is faster from %s ranks on; cubn divides from %d on" %
              (c, first_that_stays(c, o), next(r for r in range(2, 10 ** 6) if divides(r, c))))


if __name__ == "__main__":
    main()
