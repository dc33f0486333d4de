#!/usr/bin/env python3
"""Checks how the sources are organized, and says which rule a file breaks.

    scripts/structure.py            check every rule; exit 1 if one is broken
    scripts/structure.py --levels   print the folders from the bottom up, with what each includes

The rules:
  circles   No chain of includes, and of calls from one .c file to another, leads back to its file.
            No chain of includes between folders leads back to its folder.
  includes  A folder of src includes only what MAY_INCLUDE lists.
  length    A file has at most 250 lines, a function 60, a line 100 columns (rows of tables aside).
  readme    Each folder of src, tests and bench says in a README.md what it holds; in src in at most
            ten lines.

It reads the sources as text and needs no compiler. Without git, in an unpacked archive, it looks at
all files outside build, .deps and data."""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = {".c", ".h", ".cu", ".cuh", ".cpp"}
LINES_MAX, FUNCTION_MAX, COLUMNS_MAX, README_MAX = 250, 60, 100, 10
INCLUDE_ROOTS = ["src", "include", "tests", "bench", "examples"]

# The layers of CUDA's device code, from the bottom up.
DEVICE = ["src/cuda/device/" + layer for layer in ("base", "layout", "op", "pass", "tile", "group")]

# What the sources of a folder may include, beside the folder itself and the public headers.
MAY_INCLUDE = {
    "src/core": [],
    "src/host": ["src/core"],
    "src/cudnn": ["src/core"],
    "src/mpi": [],
    "src/nccl": [],
    "src/cpu/kernels": [],
    "src/cpu/pool": [],
    "src/cpu/common": ["src/core", "src/cpu/kernels", "src/cpu/pool"],
    "src/cpu/plain": ["src/core", "src/cpu/common"],
    "src/cpu/int8": ["src/core", "src/cpu/common"],
    "src/cpu/fast": ["src/core", "src/cpu/common", "src/cpu/kernels"],
    "src/cpu/runs": ["src/core", "src/cpu/common", "src/cpu/kernels", "src/cpu/fast"],
    "src/cpu/grid": ["src/core", "src/cpu/common", "src/cpu/kernels", "src/cpu/fast"],
    "src/cpu": ["src/core", "src/cpu/common", "src/cpu/fast", "src/cpu/grid"],
    "src/cuda/common": ["src/core"],
    "src/cuda/device/base": ["src/core"],
    "src/cuda/device/layout": DEVICE[:1],
    "src/cuda/device/op": ["src/core"] + DEVICE[:2],
    "src/cuda/device/pass": ["src/cuda/common"] + DEVICE[:3],
    "src/cuda/device/tile": ["src/cuda/common"] + DEVICE[:4],
    "src/cuda/device/group": ["src/cuda/common"] + DEVICE[:5],
    "src/cuda/plan": ["src/core", "src/cuda/common"] + DEVICE,
    "src/cuda/strided": ["src/core", "src/cuda/common", DEVICE[0], DEVICE[2], "src/cuda/plan"],
    "src/cuda": ["src/core", "src/cuda/common", "src/cuda/plan", "src/cuda/strided"] + DEVICE,
}

# The chapters of cubn.h, which includes them and which they include: one header in nine files.
CHAPTERS = {"include/cubn_communicator.h", "include/cubn_double_backward.h",
            "include/cubn_extended.h", "include/cubn_fold.h", "include/cubn_fused.h",
            "include/cubn_int8.h", "include/cubn_log.h", "include/cubn_normalization.h"}

# Macros of src/core/check.h that call cubn_fail.
FAILING_MACROS = {"CUBN_REQUIRE", "CUBN_REQUIRE_HANDLE"}

# Longer than the limit, and why.
LONG_FILES = {file: "the manual: every argument is documented" for file in
              CHAPTERS | {"include/cubn.h"}}


def all_files():
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            return sorted(f for f in listed.stdout.split("\n") if f and (ROOT / f).is_file())
    found = []
    for folder, folders, names in os.walk(ROOT):
        here = pathlib.Path(folder).relative_to(ROOT)
        folders[:] = [f for f in folders if f not in (".git", ".deps") and
                      not (here == pathlib.Path(".") and f in ("build", "data"))]
        found += [(here / name).as_posix() for name in names]
    return sorted(found)


def without_comments(text):
    """The code, with as many lines; strings stay, because includes are strings."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*")',
                  lambda m: m.group(1) or "\n" * m.group(0).count("\n"), text, flags=re.S)


def resolve(includer, name, files):
    for folder in [os.path.dirname(includer)] + INCLUDE_ROOTS:
        path = os.path.normpath(os.path.join(folder, name))
        if path in files:
            return path
    return None


def read_includes(sources, files):
    edges = collections.defaultdict(set)
    for path, code in sources.items():
        for name in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', code, flags=re.M):
            target = resolve(path, name, files)
            if target in CHAPTERS:
                target = "include/cubn.h"
            if target and target != path and path not in CHAPTERS:
                edges[path].add(target)
    return edges


def program(path):
    """Files of one program may call each other."""
    top, _, rest = path.partition("/")
    return rest.partition("/")[0] if top == "tests" and rest[:4] in ("emu/", "drop") else top


def add_calls(sources, edges):
    """Calls from a .c file to a function that another .c file of the program defines."""
    defined = collections.defaultdict(set)
    definition = re.compile(r"^(?!static|typedef|extern|INLINED|OUTLINED)[A-Za-z_][\w \*]*?\b(\w+)"
                            r"\([^;{}]*\)\s*\{", flags=re.M)
    for path, code in sources.items():
        if path.endswith(".c"):
            for name in definition.findall(code):
                defined[program(path), name].add(path)
    for path, code in sources.items():
        if not path.endswith(".c"):
            continue
        names = set(re.findall(r"(?<![\w.>])(\w+)\s*\(", code))
        if names & FAILING_MACROS:
            names.add("cubn_fail")
        for name in names:
            targets = defined.get((program(path), name), set())
            if len(targets) == 1 and path not in targets:
                edges[path] |= targets


def circles(edges):
    """Strongly connected components of more than one node (Tarjan 1972)."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        for target in sorted(edges.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in on_stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
                on_stack.discard(component[-1])
            if len(component) > 1:
                found.append(sorted(component))

    sys.setrecursionlimit(10000)
    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def folder_edges(edges):
    between = collections.defaultdict(set)
    for path, targets in edges.items():
        here = os.path.dirname(path)
        between[here] |= {os.path.dirname(t) for t in targets} - {here}
    return between


def check_includes(edges):
    for path, targets in sorted(edges.items()):
        here = os.path.dirname(path)
        rule = next((r for r in sorted(MAY_INCLUDE, key=len, reverse=True) if here == r), None)
        if rule is None:
            continue
        for target in sorted(targets):
            folder = os.path.dirname(target)
            if folder not in [here, "include"] + MAY_INCLUDE[rule]:
                allowed = ", ".join(MAY_INCLUDE[rule]) or "nothing else"
                yield f"{path} includes {target}; {rule} may include {allowed}"


def check_rules(sources):
    for folder in sorted({os.path.dirname(path) for path in sources if path.startswith("src/")}):
        if folder not in MAY_INCLUDE:
            yield f"{folder} has no rule in MAY_INCLUDE of scripts/structure.py"


def check_length(path, text):
    lines = text.split("\n")
    suffix = pathlib.Path(path).suffix
    if suffix in CODE and len(lines) - 1 > LINES_MAX and path not in LONG_FILES:
        yield f"{path} has {len(lines) - 1} lines; at most {LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and not line.lstrip().startswith("|") and "http" not in line:
            yield f"{path}:{number} has {len(line)} columns; at most {COLUMNS_MAX}"
    begin = None
    for number, line in enumerate(lines if suffix in CODE else [], 1):
        if line and not line[0].isspace() and line.endswith(") {"):
            begin = number
        elif line == "}" and begin:
            if number - begin > FUNCTION_MAX:
                yield f"{path}:{begin} is a function of {number - begin} lines; at most " \
                      f"{FUNCTION_MAX}"
            begin = None


def check_readmes(files):
    folders = {os.path.dirname(f) for f in files
               if f.split("/")[0] in ("src", "tests", "bench") and pathlib.Path(f).suffix in CODE}
    for folder in sorted(folders):
        readme = ROOT / folder / "README.md"
        if not readme.exists():
            yield f"{folder} has no README.md that says what it holds"
        elif folder.startswith("src") and len(readme.read_text().split("\n")) - 1 > README_MAX:
            yield f"{folder}/README.md is longer than {README_MAX} lines"


def print_levels(between):
    level = {}

    def of(folder):
        if folder not in level:
            level[folder] = 0
            level[folder] = 1 + max((of(t) for t in between.get(folder, ())), default=-1)
        return level[folder]

    for folder in sorted(between):
        of(folder)
    for folder in sorted(level, key=lambda f: (level[f], f)):
        print(f"{level[folder]:2}  {folder or '.':24} {' '.join(sorted(between.get(folder, ())))}")


def main():
    files = all_files()
    known = set(files)
    texts = {f: (ROOT / f).read_text(encoding="utf-8", errors="replace") for f in files
             if pathlib.Path(f).suffix in CODE | {".md", ".mk", ".sh", ".py"}
             or os.path.basename(f) == "Makefile"}
    sources = {f: without_comments(t) for f, t in texts.items() if pathlib.Path(f).suffix in CODE}
    edges = read_includes(sources, known)
    between = folder_edges(edges)
    if "--levels" in sys.argv:
        print_levels(between)
        return 0
    broken = ["folders in a circle: " + ", ".join(c) for c in circles(between)]
    broken += check_rules(sources)
    broken += check_includes(edges)
    add_calls(sources, edges)
    broken += ["files in a circle: " + ", ".join(c) for c in circles(edges)]
    for path, text in texts.items():
        broken += check_length(path, text)
    broken += check_readmes(files)
    for line in broken:
        print(line)
    print(f"structure: {len(sources)} sources, {len(broken)} rules broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
