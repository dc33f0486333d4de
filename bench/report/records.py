"""Reads what cubn-bench and torch_bn.py wrote: bench/results/DEVICE/RUN.csv, the records of a run,
and RUN.json, its head.

Runs of PyTorch are named torch-RUN, or torch-compile-RUN if torch.compile was timed by itself. They
join the run of cubn with the same problems. So does infer-RUN: inference, which is timed quiet."""

import csv
import json
import math
import pathlib
import re

NUMBERS = ("count warm graph median_us min_us iqr_us repeats floor_bytes gb_per_s over_floor "
           "copy_share host_us max_error busy p5_us p25_us p75_us p90_us p95_us").split()
TORCH_PREFIXES = ("torch-", "torch-compile-")
PART_PREFIX = "infer-"
PASSES = ("train", "infer", "backward")
GPU_PEERS = ("cuDNN", "PyTorch eager", "PyTorch compiled")
IMPLEMENTATIONS = {
    "cubn": lambda r: r["implementation"] == "cubn",
    "cubn, one thread": lambda r: r["implementation"] == "cubn_1",
    "copy": lambda r: r["implementation"] == "copy",  # the fastest of the copies
    "oneDNN": lambda r: r["implementation"] == "onednn",
    "oneDNN 16c": lambda r: r["implementation"] == "onednn_16c",
    "cuDNN": lambda r: r["implementation"] == "cudnn",
    "PyTorch eager": lambda r: r["implementation"] == "torch" and r["algorithm"] != "compile",
    "PyTorch compiled": lambda r: r["implementation"] == "torch" and r["algorithm"] == "compile",
}


class Run:
    """One call of cubn-bench: its head, and its records with those of PyTorch."""

    def __init__(self, path):
        self.name = path.stem
        self.head = read_head(path)
        self.torch_heads = []
        self.records = read_csv(path)
        part = path.with_name(PART_PREFIX + path.name)
        if part.exists():
            self.records += read_csv(part)
        for torch in (path.with_name(prefix + path.name) for prefix in TORCH_PREFIXES):
            if torch.exists():
                self.torch_heads.append(read_head(torch))
                self.records += [r for r in read_csv(torch) if r["implementation"] == "torch"]

    def problems(self, name=None):
        """Problem lines in their order: all, or those of a pass that cubn was timed on."""
        lines = list(dict.fromkeys(record["problem"] for record in self.records))
        return [p for p in lines if pass_of(p) == name and self.best(p, "cubn")] if name else lines

    def passes(self):
        return list(dict.fromkeys(pass_of(problem) for problem in self.problems()))

    def levels(self):
        """Numbers of busy processes that problems were timed beside; older records have none."""
        return sorted({int(record["busy"] or 0) for record in self.records})

    def best(self, problem, implementation, busy=0):
        """The fastest record of an implementation that was timed, or None."""
        is_wanted = IMPLEMENTATIONS[implementation]
        return min((r for r in self.records if r["problem"] == problem and r["median_us"]
                    and (r["busy"] or 0) == busy and is_wanted(r)),
                   key=lambda r: r["median_us"], default=None)

    def ratio(self, problem, of, over, busy=0):
        """The time of one implementation over that of another one, or None."""
        own, other = self.best(problem, of, busy), self.best(problem, over, busy)
        return own["median_us"] / other["median_us"] if own and other else None

    def ratios(self, name, of, over):
        """(ratio, count of the layer) of the problems of a pass that both were timed on."""
        pairs = [(self.ratio(p, of, over), self.best(p, "cubn")["count"])
                 for p in self.problems(name)]
        return [pair for pair in pairs if pair[0]]

    def peers(self):
        return [peer for peer in GPU_PEERS if any(self.best(p, peer) for p in self.problems())]

    def over_floor(self, record):
        """Time over that of the floor's bytes at the rate of a large copy of the run, or None."""
        rate = self.head.get("copy_gb_per_s") or 0
        if not rate or not record or not record["floor_bytes"]:
            return None
        return record["median_us"] * 1e-6 * rate * 1e9 / record["floor_bytes"]

    def is_host(self):
        return any(r["implementation"] == "front" for r in self.records)

    def is_gpu(self):
        return any(", sm_" in r["device"] for r in self.records if r["implementation"] != "torch")

    def is_emulated(self):
        return any(r["device"].startswith("emulated") for r in self.records)


class Device:
    """The runs of a folder, in the order of their names."""

    def __init__(self, folder, emulated=False):
        self.folder = folder
        joined = TORCH_PREFIXES + (PART_PREFIX, "features")
        paths = [p for p in sorted(folder.glob("*.csv")) if not p.name.startswith(joined)]
        runs = [Run(path) for path in paths]
        timed = [run for run in runs if not run.is_host()]
        self.hosts = [run for run in runs if run.is_host()]
        self.cpus = [run for run in timed if not run.is_gpu()]
        # Times on the emulator mean nothing: they are shown only if they are asked for.
        self.gpus = [run for run in timed if run.is_gpu() and run.is_emulated() == emulated]

    def runs(self):
        return self.cpus + self.gpus + self.hosts

    def name(self):
        return self.runs()[0].head.get("device") or self.folder.name


def load_devices(results, emulated=False):
    """All devices that have results."""
    root = pathlib.Path(results)
    folders = [f for f in sorted(root.iterdir()) if f.is_dir()] if root.exists() else []
    return [d for d in (Device(folder, emulated) for folder in folders) if d.runs()]


def read_head(path):
    """The machine, versions, commit and date of a CSV, from the JSON beside it."""
    path = path.with_suffix(".json")
    return json.loads(path.read_text()) if path.exists() else {}


def read_csv(path):
    with open(path, newline="") as file:
        records = list(csv.DictReader(file))
    for record in records:
        for field in NUMBERS:
            text = record.get(field) or ""
            record[field] = float(text) if text else None
    return records


def pass_of(problem):
    return problem.split()[0]


def short_name(problem):
    """The sizes and options of a problem, which differ within a run."""
    words = problem.split()
    return " ".join([re.sub(r"^n\d+", "", words[3])] + words[4:])


def geometric_mean(ratios):
    """Of (ratio, weight) pairs, or None."""
    weight = sum(w for _, w in ratios)
    return math.exp(sum(w * math.log(r) for r, w in ratios) / weight) if weight else None
