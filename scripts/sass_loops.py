#!/usr/bin/env python3
"""The main loops of the CUDA kernels: a table of what their machine code costs per element.

    scripts/sass_loops.py build/libcubn.a [more libraries or objects] [--limits FILE] [--markdown]

A main loop moves vectors of the tensors, of 16 bytes or, from the tile in shared memory, of 8. What
is counted is one way around it, through no inner loop that moves vectors: of those with the most
accesses to whole vectors, the one with the fewest instructions. So it does not blend, sums nothing
again in double, and with an epilogue it accesses all that the kernel can.

loop      copy: to the tile; gradients: dp for dy in the tile; sum: of the tile; write: from the
          tile to memory; reduce, apply: the same two passes from memory; again: statistics that
          backward recomputes
adds      additions of doubles, which tell rows from columns
instr     instructions, also per vector and per element of the input or output
loads     of vectors, and so are stores
blocks    on an SM, as registers allow
flight    bytes that an SM has in flight, from the loads before the first use of one of them, if
          only the inputs are loaded; copies have a whole tile in flight, so loops over tiles load
          only what an epilogue does
fixed     instructions of a thread outside of main loops, on the way of a block through this one,
          or of a task, tile or group of channels if the kernel loops over these; an inner loop
          counts once. Of the ways from there to the arrival at a counter it is the one with the
          most barriers, and then the shortest
last      the same instructions for the block that arrives last, if there are arrivals
waits     barriers on the way of an ordinary block, and fences of the device; these four columns
          are of sm_90 and later only: the graph does not know how older code calls shuffles

With --limits the script disassembles only the kernels of that file, and fails if the code is worse
than it says, or better by more than another release of the compiler makes (sass_limits.py). --write
writes down what the code is like.
"""
import argparse
import collections
import re
import sys

import sass
import sass_limits
from sass_graph import Graph, moves, read_functions

TILED = re.compile("resident|cluster|cooperative")
WAITS = ("BAR", "UCGABAR_WAIT")


def most_waits(cost):
    return cost[0], cost[2], -cost[1]


def shortest(cost):
    return -cost[1]


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


def resident_blocks(kernel):
    """Blocks on an SM. Those of streamed are as many as STREAMED_BLOCKS of tuning.h says."""
    blocks = kernel.blocks()
    if "streamed" in kernel.name:
        one = re.search("Columns.*FusedBackward|Columns<[28]>, Fused|FusedBackward<double>",
                        kernel.name)
        blocks = min(blocks, 1 if one else 2)
    return blocks


class Outside:
    """What is outside of the main loops, of which `ways` are: (waits, instructions, fences)."""

    def __init__(self, graph, loops, ways):
        self.graph, self.loops = graph, loops
        self.main = {i.address for way in ways for i in way}

    def cost(self, block):
        code = self.graph.blocks[block]
        return (sum(i.name in WAITS for i in code), sum(i.address not in self.main for i in code),
                sum(i.name == "MEMBAR" and ".CTA" not in i.modifiers for i in code))

    def ways(self, head):
        """The cost of an ordinary way through the main loop `head`, and of that of the last."""
        graph, task = self.graph, self.graph.outermost(head, self.loops)
        start = next(h for h, body in self.loops.items() if body is task) if task else 0
        blocks = task or set(graph.order)
        ends = {b for b in blocks if (start in graph.next[b] if task
                                      else graph.blocks[b][-1].name == "EXIT")}
        before = graph.best(blocks, {start}, self.cost, most_waits).get(head, self.cost(head))
        onward = graph.best(blocks, {head}, self.cost, most_waits)
        most = graph.best(blocks, ends, self.cost, most_waits, True).get(head, self.cost(head))
        least = graph.best(blocks, ends, self.cost, shortest, True)
        last = tuple(a + b - c for a, b, c in zip(before, most, self.cost(head)))
        for b in sorted(onward, key=graph.rank.get):
            if any(i.name == "ATOMG" for i in graph.blocks[b]) and b in least and b != head:
                parts = zip(before, onward[b], least[b], self.cost(head), self.cost(b))
                return tuple(a + o + l - h - c for a, o, l, h, c in parts), last
        return last, last


class Loop:
    def __init__(self, kernel, way, least):
        self.kernel, self.instructions, self.way = kernel, len(way), way
        count = collections.Counter(filter(None, map(moves, way)))
        self.loads = count["load"] + count["read"] + count["copy"]
        self.stores = count["store"]
        self.adds = sum(i.name == "DADD" for i in way)
        backward = "Backward" in kernel.name
        again = backward and self.adds % 3 != 0  # Statistics that backward recomputes.
        if self.stores:
            self.kind = "write" if TILED.search(kernel.name) else "apply"
        elif count["copy"]:
            self.kind = "copy"
        elif count["read"]:
            self.kind = ("again-" if again else "sum-") + ("columns" if self.adds > 3 else "rows")
        else:
            self.kind = "again" if again else "reduce"
        self.vectors = self.stores or max(1, self.loads // (1 + (backward and not again)))
        if TILED.search(kernel.name) and not self.stores and count["load"]:
            self.kind, self.vectors = "gradients", count["load"]  # Of a stored pre-activation.
        narrow = all(".128" not in i.modifiers for i in way if moves(i) == "read")
        vector_bytes = 8 if self.kind.endswith("columns") and narrow else 16
        elements = self.vectors * vector_bytes / element_bytes(kernel)
        self.per_element = self.instructions / elements
        vectors = min(in_flight(way), in_flight(least))
        self.blocks = resident_blocks(kernel)
        self.flight = vectors * 16 * sass.THREADS * self.blocks

    def key(self):
        return self.kernel.arch, self.kind, self.kernel.name

    def numbers(self):
        return (self.per_element, self.blocks, self.flight, self.fixed, self.last, self.waits,
                self.fences)

    def row(self):
        return (self.kernel.name, self.kernel.arch, self.kind, self.adds or "-", self.instructions,
                f"{self.instructions / self.vectors:.1f}", f"{self.per_element:.1f}", self.loads,
                self.stores, self.blocks, self.flight or "-", self.fixed,
                self.last if self.last > self.fixed else "-", self.waits, self.fences or "-")


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
                yield from loops_of(kernel, code)


def loops_of(kernel, code):
    graph = Graph(code)
    kinds, loops, found = {}, graph.loops(), {}
    none = {None} if TILED.search(kernel.name) else {None, "read"}
    for head, body in loops.items():
        kinds[head] = {moves(i) for block in body for i in graph.blocks[block]} - none
    for head, body in sorted(loops.items(), key=lambda loop: len(loop[1])):
        if not kinds[head] or found.keys() & body:  # Loops around main loops are none.
            continue
        inner = {graph.blocks[o][0].address for o in loops if loops[o] < body and kinds[o]}
        stores, size = "store" in kinds[head], element_bytes(kernel)
        inputs = 2 if "Backward" in kernel.name else 1
        if stores:  # The loads of the inputs, and not of a prior output.
            way, half = graph.cheapest(head, body, lambda i: moves(i) == "store",
                                       lambda i: moves(i) in {"load", "read"} - none,
                                       lambda n: n * inputs)
        else:  # Backward has three sums of each channel of a vector.
            way, half = graph.cheapest(head, body, lambda i: moves(i) in kinds[head],
                                       lambda i: i.name == "DADD", lambda n: 48 // size if size < 8
                                       else 1 << 30)
        names = {i.name for i in way}
        computes = size == 8 or stores or "copy" in kinds[head] or names & {"FADD", "FFMA"}
        # Other loops add sums, which are doubles, or contain main loops.
        computes = computes and (stores or "BAR" not in names)
        if computes and not any(i.address in inner for i in way):
            halves = stores and "Fused" in kernel.name and not TILED.search(kernel.name)
            found[head] = Loop(kernel, way, half if halves else way)
    outside = Outside(graph, loops, [loop.way for loop in found.values()])
    for head, loop in found.items():
        ordinary, last = outside.ways(head) if kernel.arch >= 90 else ((0, 0, 0), (0, 0, 0))
        (loop.waits, loop.fixed, loop.fences), (_, loop.last, _) = ordinary, last
        yield loop


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--limits")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    limits = sass_limits.read(options.limits) if options.limits else {}
    loops = list(find_loops(sass.find_cuobjdump(), options.files, limits))
    rows = sorted((loop.row() for loop in loops), key=lambda row: (*row[:3], float(row[6])))
    sass.print_table([("kernel", "sm", "loop", "adds", "instr", "/vector", "/element", "loads",
                       "stores", "blocks", "flight", "fixed", "last", "waits", "fences")] + rows,
                     options.markdown)
    numbers = {}  # Of several loops, the cheapest counts.
    for loop in sorted(loops, key=lambda loop: -loop.per_element):
        numbers[loop.key()] = loop.numbers()
    if options.write:
        sass_limits.write(options.limits, numbers, limits)
        limits = sass_limits.read(options.limits)
    faults = list(sass_limits.faults(numbers, limits))
    for fault in faults:
        print(f"sass_loops.py: {fault}", file=sys.stderr)
    print(f"{len(loops)} loops, {len(faults)} faults", file=sys.stderr)
    sys.exit(1 if faults or not loops else 0)


if __name__ == "__main__":
    main()
