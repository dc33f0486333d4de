"""Results of cubn-bench and torch_bn.py, as they lie in bench/results/DEVICE/RUN.csv and RUN.json.

Runs of PyTorch are named torch-RUN, or torch-compile-RUN if torch.compile was timed on its own, and
join the run of cubn with the same problems."""

import csv
import json
import math
import pathlib
import re

NUMBERS = ("count warm graph median_us min_us iqr_us repeats floor_bytes gb_per_s over_floor "
           "copy_share host_us max_error").split()
TORCH_PREFIXES = ("torch-", "torch-compile-")


class Run:
    """One call of cubn-bench: its environment, and its records with those of PyTorch."""

    def __init__(self, path):
        self.name = path.stem
        self.head = read_head(path)
        self.torch_heads = []
        self.records = read_csv(path)
        for torch in (path.with_name(prefix + path.name) for prefix in TORCH_PREFIXES):
            if torch.exists():
                self.torch_heads.append(read_head(torch))
                self.records += [r for r in read_csv(torch) if r["implementation"] == "torch"]

    def problems(self):
        """Problem lines in their order."""
        return list(dict.fromkeys(record["problem"] for record in self.records))

    def passes(self):
        return list(dict.fromkeys(pass_of(problem) for problem in self.problems()))

    def best(self, problem, peer):
        """The fastest record of a peer that was timed, or None. Peers: see PEERS."""
        return min((r for r in self.records if r["problem"] == problem and r["median_us"]
                    and PEERS[peer](r)), key=lambda r: r["median_us"], default=None)

    def peers(self):
        return [peer for peer in PEERS
                if peer != "cubn" and any(self.best(p, peer) for p in self.problems())]

    def over_floor(self, record):
        """Time over that of the floor's bytes at the rate of a large copy of the run, or None."""
        rate = self.head.get("copy_gb_per_s") or 0
        if not rate or not record or not record["floor_bytes"]:
            return None
        return record["median_us"] * 1e-6 * rate * 1e9 / record["floor_bytes"]

    def is_host(self):
        return any(r["implementation"] == "front" for r in self.records)


PEERS = {
    "cubn": lambda r: r["implementation"] == "cubn",
    "cuDNN": lambda r: r["implementation"] == "cudnn",
    "PyTorch eager": lambda r: r["implementation"] == "torch" and r["algorithm"] != "compile",
    "PyTorch compiled": lambda r: r["implementation"] == "torch" and r["algorithm"] == "compile",
}


def read_head(path):
    """What the JSON beside a CSV says of its machine, without the results."""
    path = path.with_suffix(".json")
    head = json.loads(path.read_text()) if path.exists() else {}
    head.pop("results", None)
    return head


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
    """What tells the problems of a run apart: its sizes and options."""
    words = problem.split()
    return " ".join([re.sub(r"^n\d+", "", words[3])] + words[4:])


def load_device(folder):
    """The runs of a folder, in the order of their names."""
    paths = sorted(folder.glob("*.csv"))
    return [Run(path) for path in paths if not path.name.startswith(TORCH_PREFIXES)]


def load_gpus(results, emulated=False):
    """(folder, runs) of all GPUs that have results. Emulated ones only if they are asked for."""
    found = []
    for folder in sorted(pathlib.Path(results).iterdir() if pathlib.Path(results).exists() else []):
        runs = load_device(folder) if folder.is_dir() else []
        runs = [run for run in runs if is_gpu(run, emulated)]
        if runs:
            found.append((folder, runs))
    return found


def load_hosts(results):
    """(folder, run) of all measurements of the host's part of a call, on any device."""
    results = pathlib.Path(results)
    return [(folder, run) for folder in sorted(results.iterdir() if results.exists() else [])
            if folder.is_dir() for run in load_device(folder) if run.is_host()]


def is_gpu(run, emulated):
    devices = {record["device"] for record in run.records if record["implementation"] != "torch"}
    return any(", sm_" in device and ("emulated" in device) == emulated for device in devices)


def geometric_mean(ratios):
    """Of (ratio, weight) pairs, or None."""
    weight = sum(w for _, w in ratios)
    return math.exp(sum(w * math.log(r) for r, w in ratios) / weight) if weight else None
