#!/usr/bin/env python3
"""The main loops of the CUDA kernels: a table of what their machine code costs per element.

    scripts/sass_loops.py build/libcubn.a [more libraries or objects] [--limits FILE] [--markdown]

A main loop moves vectors of the tensors, of 16 bytes or, from the tile in shared memory, of 8. What
is counted is one way around it, through no inner loop that moves vectors: of those with the most
accesses to whole vectors, the one with the fewest instructions. So it does not blend, sums nothing
again in double, and with an epilogue it accesses all that the kernel can.

loop      copy: to the tile; sum: of the tile; write: from the tile to memory; reduce, apply: the
          same two passes from memory; again: statistics that backward recomputes
adds      additions of doubles, which tell rows from columns
instr     instructions, also per vector and per element of the input or output
loads     of vectors, and so are stores
flight    bytes that an SM has in flight, from the loads before the first use of one of them
fences    instructions that wait for other threads or order memory; in the end those of the kernel

With --limits the script disassembles only the kernels of that file, and fails if a loop takes more
instructions per element than its line allows or has vanished.
"""
import argparse
import collections
import re
import sys

import sass
from sass_graph import Graph, moves, read_functions

FENCES = ("BAR", "MEMBAR", "ERRBAR", "UCGABAR_ARV", "UCGABAR_WAIT")


def registers_of(text, count=1):
    numbers = [int(r) for r in re.findall(r"\bR(\d+)\b", text)]
    return {r + k for r in numbers for k in range(count)}


def in_flight(way):
    """Loads of vectors before the first use of one; those of the last round count, too."""
    most, waiting = 0, []
    for i in way + way:
        used = registers_of(i.operands)
        hits = [n for n, loaded in enumerate(waiting) if loaded & used]
        if hits:
            waiting = waiting[max(hits) + 1:]
        if moves(i) == "load":
            waiting.append(registers_of(i.operands.split(",")[0], 4))
        most = max(most, len(waiting))
    return most


def element_bytes(kernel):
    return 2 if "f16" in kernel.name else 8 if "double" in kernel.name else 4


class Loop:
    def __init__(self, kernel, way):
        self.kernel, self.instructions = kernel, len(way)
        count = collections.Counter(filter(None, map(moves, way)))
        self.loads = count["load"] + count["read"] + count["copy"]
        self.stores = count["store"]
        self.adds = sum(i.name == "DADD" for i in way)
        self.fences = sum(i.name in FENCES for i in way)
        backward = "Backward" in kernel.name
        again = backward and self.adds % 3 != 0  # Statistics that backward recomputes.
        if self.stores:
            self.kind = "write" if count["read"] else "apply"
        elif count["copy"]:
            self.kind = "copy"
        elif count["read"]:
            self.kind = ("again-" if again else "sum-") + ("columns" if self.adds > 3 else "rows")
        else:
            self.kind = "again" if again else "reduce"
        self.vectors = self.stores or max(1, self.loads // (1 + (backward and not again)))
        narrow = all(".128" not in i.modifiers for i in way if moves(i) == "read")
        vector_bytes = 8 if self.kind.endswith("columns") and narrow else 16
        elements = self.vectors * vector_bytes / element_bytes(kernel)
        self.per_element = self.instructions / elements
        self.flight = in_flight(way) * 16 * sass.THREADS * kernel.blocks()

    def key(self):
        return self.kernel.arch, self.kind, self.kernel.name

    def row(self):
        return (self.kernel.name, self.kernel.arch, self.kind, self.adds or "-", self.instructions,
                f"{self.instructions / self.vectors:.1f}", f"{self.per_element:.1f}", self.loads,
                self.stores, self.flight or "-", self.fences or "-", self.kernel.fences or "-")


def read_limits(file):
    """The most instructions per element, by kernel, architecture and kind of loop."""
    limits = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                limit, arch, kind, name = line.split(None, 3)
                limits[int(arch), kind, name.strip()] = float(limit)
    return limits


def find_loops(cuobjdump, files, limits):
    """All main loops, or those of the kernels that limits name."""
    for file in files:
        kernels = {}
        sass.read_usage(sass.run(cuobjdump, "-res-usage", file), kernels)
        mangled = dict(kernels)
        sass.readable([k for k in kernels.values() if k.registers])
        wanted = {(arch, name) for arch, _, name in limits}
        for arch in sorted({arch for _, arch in kernels}):
            names = [name for (name, a), k in mangled.items()
                     if a == arch and k.registers and (not limits or (a, k.name) in wanted)]
            if not names:
                continue
            functions = "-fun", ",".join(names)
            text = sass.run(cuobjdump, "-sass", "-arch", f"sm_{arch}", *functions, file)
            for key, code in read_functions(text).items():
                kernel = mangled[key]
                kernel.fences = sum(i.name in FENCES for i in code)
                yield from loops_of(kernel, code)


def loops_of(kernel, code):
    graph = Graph(code)
    kinds, loops = {}, graph.loops()
    none = {None} if re.search("resident|cluster|cooperative", kernel.name) else {None, "read"}
    for head, body in loops.items():
        kinds[head] = {moves(i) for block in body for i in graph.blocks[block]} - none
    for head, body in sorted(loops.items()):
        if not kinds[head]:
            continue
        inner = {graph.blocks[o][0].address for o in loops if loops[o] < body and kinds[o]}
        stores, size = "store" in kinds[head], element_bytes(kernel)
        inputs = 2 if "Backward" in kernel.name else 1
        if stores:  # The loads of the inputs, and not of a prior output.
            way = graph.cheapest(head, body, lambda i: moves(i) == "store",
                                 lambda i: moves(i) in ("load", "read"), lambda n: n * inputs)
        else:  # Backward has three sums of each channel of a vector.
            way = graph.cheapest(head, body, lambda i: moves(i) in kinds[head],
                                 lambda i: i.name == "DADD", lambda n: 48 // size if size < 8
                                 else 1 << 30)
        names = {i.name for i in way}
        computes = size == 8 or stores or "copy" in kinds[head] or names & {"FADD", "FFMA"}
        # Other loops add sums, which are doubles, or contain main loops.
        if computes and "BAR" not in names and not any(i.address in inner for i in way):
            yield Loop(kernel, way)


def check(loops, limits):
    """Complains of loops that take more than their limit. Of several, the cheapest counts."""
    least = {}
    for loop in loops:
        least[loop.key()] = min(loop.per_element, least.get(loop.key(), loop.per_element))
    faults = 0
    for key, limit in limits.items():
        arch, kind, name = key
        what = f"sass_loops.py: {name}, sm_{arch}, {kind}:"
        if key not in least:
            print(f"{what} there is no such loop", file=sys.stderr)
        elif least[key] > limit:
            print(f"{what} {least[key]:.2f} instructions per element, at most {limit}",
                  file=sys.stderr)
        else:
            continue
        faults += 1
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--limits")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    limits = read_limits(options.limits) if options.limits else {}
    loops = list(find_loops(sass.find_cuobjdump(), options.files, limits))
    rows = sorted((loop.row() for loop in loops), key=lambda row: (*row[:3], float(row[6])))
    sass.print_table([("kernel", "sm", "loop", "adds", "instr", "/vector", "/element", "loads",
                       "stores", "flight", "fences", "kernel's")] + rows, options.markdown)
    faults = check(loops, limits)
    print(f"{len(loops)} loops, {faults} faults", file=sys.stderr)
    sys.exit(1 if faults or not loops else 0)


if __name__ == "__main__":
    main()
