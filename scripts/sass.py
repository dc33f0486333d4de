#!/usr/bin/env python3
"""What the machine code of the CUDA kernels is like: a table, a row per kernel and architecture.

    scripts/sass.py build/libcubn.a [more libraries or objects] [--markdown]

Needs cuobjdump, on PATH, in CUDA_HOME, named by CUOBJDUMP, or fetched by "scripts/setup.sh sass".
Columns: registers per thread; static shared memory; stack, to which registers are spilled;
instructions that load from and store to local memory; global loads, asynchronous copies and stores
by their width in bits; blocks and warps that the registers allow on an SM.

Fails if a kernel has a stack or touches local memory, or if a kernel that moves vectors has no
128-bit accesses. Kernels of fused operations call functions for smooth activations, and pass the 8
or 4 floats of a vector on the stack, at a place of its own in the loop over batches of vectors and
in the one over what is left: they may have a stack of two vectors. Those of doubles, and those that
move single values, may have more.
"""
import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys

THREADS = 256  # of a block; tuning.h
REGISTERS = 65536  # of an SM
GRANULE = 256  # registers are given to warps in units of so many
WARPS = {75: 32, 80: 64, 86: 48, 89: 48, 90: 64, 100: 64, 120: 48}
WIDTHS = (8, 16, 32, 64, 128)


def tool(name):
    candidates = [os.environ.get(name.upper()), shutil.which(name)]
    candidates += glob.glob(f".deps/sass/nvidia/cu*/bin/{name}")
    if os.environ.get("CUDA_HOME"):
        candidates.append(os.path.join(os.environ["CUDA_HOME"], "bin", name))
    return next((c for c in candidates if c and os.path.exists(c)), None)


def find_cuobjdump():
    cuobjdump = tool("cuobjdump")
    if not cuobjdump:
        sys.exit("sass.py: no cuobjdump on PATH, in CUDA_HOME or in CUOBJDUMP "
                 "(scripts/setup.sh sass fetches it)")
    return cuobjdump


def run(*words):
    """Output of a command whose neighbours are on PATH: cuobjdump wants to find nvdisasm."""
    environment = dict(os.environ)
    environment["PATH"] = os.path.dirname(words[0]) + os.pathsep + environment["PATH"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"sass.py: {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Kernel:
    def __init__(self, name, arch):
        self.name, self.arch = name, arch
        self.registers = self.shared = self.stack = 0
        self.local = self.bulk = 0
        self.loads, self.copies, self.stores = (collections.Counter() for _ in range(3))

    def blocks(self):
        per_warp = -(-self.registers * 32 // GRANULE) * GRANULE
        by_registers = REGISTERS // (per_warp * THREADS // 32)
        return min(by_registers, WARPS.get(self.arch, 64) * 32 // THREADS)

    def moves_vectors(self):
        """Some move single values: elements at any stride, parameters, blocks of ranks,
        conversions. There are no clusters below sm_90."""
        if "cluster" in self.name and self.arch < 90:
            return False
        return not re.search(r"strided|finish|sample|widen|merge|refuse|write_block|fold_behind|"
                             r"padding|count_kernel|int8_affine", self.name)

    def faults(self):
        passed = 64 if "f16" in self.name else 32
        if "Fused" in self.name:
            if self.stack > passed and self.moves_vectors() and "double" not in self.name:
                yield f"{self.stack} bytes of stack, {passed} to pass vectors"
        elif self.stack or self.local:
            yield f"{self.stack} bytes of stack, {self.local} local memory instructions"
        if self.moves_vectors():
            if not (self.loads[128] or self.copies[128] or self.bulk):
                yield "no 128-bit loads"
            if not self.stores[128] and "reduce_kernel" not in self.name:
                yield "no 128-bit stores"


def read_usage(text, kernels):
    arch = 0
    for line in text.splitlines():
        found = re.search(r"arch = sm_(\d+)", line)
        if found:
            arch = int(found[1])
        found = re.match(r"\s*Function (\S+):", line)
        if found:
            kernel = kernels.setdefault((found[1], arch), Kernel(found[1], arch))
        found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+)", line)
        if found:
            kernel.registers, kernel.stack, kernel.shared = map(int, found.groups())


def width_of(modifiers):
    for width in (128, 64):
        if f".{width}" in modifiers:
            return width
    if ".U8" in modifiers or ".S8" in modifiers:
        return 8
    return 16 if ".U16" in modifiers or ".S16" in modifiers else 32


def read_code(text, kernels):
    arch, kernel = 0, None
    for line in text.splitlines():
        found = re.search(r"arch = sm_(\d+)", line)
        if found:
            arch = int(found[1])
        found = re.match(r"\s*Function : (\S+)", line)
        if found:
            kernel = kernels.get((found[1], arch))
        found = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_]+)([.\w]*)", line)
        if not found or kernel is None:
            continue
        name, modifiers = found.groups()
        if name == "LDG":
            kernel.loads[width_of(modifiers)] += 1
        elif name == "LDGSTS":
            kernel.copies[width_of(modifiers)] += 1
        elif name == "STG":
            kernel.stores[width_of(modifiers)] += 1
        elif name in ("LDL", "STL"):
            kernel.local += 1
        elif name == "UBLKCP":
            kernel.bulk += 1


def readable(kernels):
    """Names without what all have in common."""
    names = sorted({k.name for k in kernels})
    plain = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True,
                           check=True).stdout.splitlines()
    short = {}
    for name, text in zip(names, plain):
        text = re.sub(r"\(anonymous namespace\)::|cubn::|^void ", "", text)
        text = re.sub(r"\(.*$", "", text).replace(", 256", "").replace("__nv_bfloat16", "bf16")
        short[name] = text.replace("__half", "f16").replace("> >", ">>")
    for kernel in kernels:
        kernel.name = short[kernel.name]


def counts(counter):
    return " ".join(f"{w}:{counter[w]}" for w in reversed(WIDTHS) if counter[w]) or "-"


def print_table(table, markdown):
    widths = [max(len(str(row[i])) for row in table) for i in range(len(table[0]))]
    for number, row in enumerate(table):
        cells = [str(cell).ljust(width) for cell, width in zip(row, widths)]
        print("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip())
        if markdown and number == 0:
            print("|" + "---|" * len(table[0]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    cuobjdump = find_cuobjdump()
    kernels = {}
    for file in options.files:
        read_usage(run(cuobjdump, "-res-usage", file), kernels)
        read_code(run(cuobjdump, "-sass", file), kernels)
    rows = [k for k in kernels.values() if k.registers]
    readable(rows)
    head = ("kernel", "sm", "regs", "shared", "stack", "local", "loads", "copies", "bulk",
            "stores", "blocks", "warps")
    table = [head]
    faults = []
    for k in sorted(rows, key=lambda k: (k.name, k.arch)):
        table.append((k.name, k.arch, k.registers, k.shared, k.stack, k.local,
                      counts(k.loads), counts(k.copies), k.bulk or "-",
                      counts(k.stores), k.blocks(), k.blocks() * THREADS // 32))
        faults += [f"{k.name}, sm_{k.arch}: {fault}" for fault in k.faults()]
    print_table(table, options.markdown)
    for fault in faults:
        print(f"sass.py: {fault}", file=sys.stderr)
    print(f"{len(rows)} kernels, {len(faults)} faults", file=sys.stderr)
    sys.exit(1 if faults or not rows else 0)


if __name__ == "__main__":
    main()
