#!/usr/bin/env python3
"""Checks cubn-bench: messages of wrong arguments, percentiles of records and of the report made of
them, and that its processes end with it.

    bench/check.py build/cubn-bench
"""

import csv
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = "train nchw f32 n2c8h4w4"
# Arguments, and what the message has to contain: the argument, its value, what is allowed.
WRONG = [
    (["--peers", "onednn"], ["onednn", "--peers takes no value"]),
    (["--seconds", "soon"], ["--seconds", "'soon'", "a positive number"]),
    (["--seconds"], ["--seconds", "needs a value"]),
    (["--batch", "1.5"], ["--batch", "'1.5'", "a whole number"]),
    (["--busy", "two"], ["--busy", "'two'", "0,1,2"]),
    (["--busy", "1,"], ["--busy", "'1,'", "0,1,2"]),
    (["--busy", "0,65"], ["--busy", "'0,65'", "from 0 to 64"]),
    (["--busy", "1", "--device", "cuda"], ["--busy", "--device cpu"]),
    (["--busy", "1", "--host"], ["--busy", "--host"]),
    (["--suite", "resnet"], ["--suite", "'resnet'", "resnet50"]),
    (["--type", "f8"], ["--type", "'f8'", "bf16"]),
    (["--pass", "forward"], ["--pass", "'forward'", "backward"]),
    (["--layout", "chwn"], ["--layout", "'chwn'", "nhwc"]),
    (["--file", "/nowhere"], ["--file", "'/nowhere'"]),
    (["--algo", "best"], ["best", "no algorithm"]),
    (["train nchw f32 size"], ["problem line", "'train nchw f32 size'"]),
    (["--worker", "mkl", "--device", "cpu"], ["--worker", "cubn_1 or onednn"]),
    (["--fast"], ["--fast", "--help"]),
]
PERCENTILES = {"p5_us": 5, "p25_us": 25, "median_us": 50, "p75_us": 75, "p90_us": 90, "p95_us": 95}


def check_messages(program):
    for arguments, wanted in WRONG:
        done = subprocess.run([program, *arguments], capture_output=True, text=True)
        assert done.returncode == 2, (arguments, done.returncode)
        for part in ["cubn-bench: "] + wanted:
            assert part in done.stderr, (arguments, part, done.stderr)


def check_report(records, folder):
    """What docs/PERFORMANCE.md would say of the records."""
    device, document = folder / "results" / "machine", folder / "PERFORMANCE.md"
    device.mkdir(parents=True)
    shutil.copy(records, device / "cpu-busy.csv")
    (device / "cpu-busy.json").write_text(json.dumps({"device": "some machine"}))
    shutil.copy(ROOT / "docs" / "PERFORMANCE.md", document)
    subprocess.run([sys.executable, ROOT / "bench/report/performance.py", "--results",
                    device.parent, "--document", document], check=True, timeout=120)
    text = document.read_text()
    assert "| layout (problems) | cubn | quiet | beside 1 |" in text, text
    by_key = {(r["busy"], r["implementation"]): r for r in read(records)}
    cells, digits = [], lambda value: ("%.2f" if value >= 0.1 else "%.3f") % value
    for busy in "01":
        own, one = by_key[busy, "cubn"], by_key[busy, "cubn_1"]
        ratio = max(float(own[name]) / float(one[name]) for name in PERCENTILES)
        cells.append("%s (%s: train c8h4w4)" % (digits(ratio), digits(ratio)))
    row = "| NCHW (1) | largest percentile over that of one thread | %s | %s |" % tuple(cells)
    assert row in text, (row, text)


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def check_percentiles(program, folder):
    """Those of the records, from the samples that the same run wrote."""
    records, samples = folder / "records.csv", folder / "samples.csv"
    subprocess.run([program, "--device", "cpu", "--warm", "--busy", "0,1", "--busy-seconds", "0.06",
                    "--seconds", "0.02", "--csv", records, "--samples", samples, LINE],
                   check=True, stdout=subprocess.DEVNULL, timeout=120)
    times = {}
    for sample in read(samples):
        key = sample["busy"], sample["implementation"], sample["algorithm"]
        times.setdefault(key, []).append(float(sample["us"]))
    found = read(records)
    keys = {(r["busy"], r["implementation"], r["algorithm"]): r for r in found}
    assert len(keys) == len(found)
    timed = {key[:2] for key in keys}
    assert {("0", "cubn"), ("1", "cubn"), ("0", "cubn_1"), ("1", "cubn_1")} <= timed, timed
    for key, record in keys.items():
        assert int(record["repeats"]) == len(times[key]) >= 5, (key, record["repeats"])
        cuts = statistics.quantiles(times[key], n=100, method="inclusive")
        for name, percent in PERCENTILES.items():
            wanted = cuts[percent - 1]
            assert abs(float(record[name]) - wanted) < 1e-4 * wanted, (key, name, record, wanted)
    check_report(records, folder)


def processes():
    """Parent, state and start of each process."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(folder.name)] = int(fields[1]), fields[0], fields[19]
    return found


def children(pid):
    return {(child, start): state for child, (parent, state, start) in processes().items()
            if parent == pid}


def wait_until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def left_of(old):
    now = {(pid, start) for pid, (_, state, start) in processes().items() if state != "Z"}
    return now & set(old)


def check_children(program, how):
    """Two processes compute, two answer; all are gone with their parent, however that ends."""
    seconds = "60" if how else "0.3"
    bench = subprocess.Popen([program, "--device", "cpu", "--warm", "--busy", "2", "--busy-seconds",
                              seconds, LINE], stdout=subprocess.DEVNULL)
    seen = {}

    def busy():
        now = children(bench.pid)
        seen.update(now)
        return len(now) == 4 and list(now.values()).count("R") >= 2

    try:
        wait_until(busy, "no two busy processes")
        for pid, _ in seen:  # as important as any other process
            assert os.sched_getscheduler(pid) == os.SCHED_OTHER
            assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)
        if how:
            bench.send_signal(how)
        assert bench.wait(timeout=60) == -how
    finally:
        bench.kill()
        bench.wait()
    try:
        if not how:
            assert not left_of(seen), "processes are left after a run"
        wait_until(lambda: not left_of(seen), "processes are left after signal %d" % how)
    finally:
        for pid, _ in left_of(seen):
            os.kill(pid, signal.SIGKILL)


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    check_messages(program)
    with tempfile.TemporaryDirectory() as folder:
        check_percentiles(program, pathlib.Path(folder))
    if pathlib.Path("/proc/self/stat").exists():
        for how in (0, signal.SIGTERM, signal.SIGKILL):
            check_children(program, how)
    print("cubn-bench: messages, percentiles and processes are right")


if __name__ == "__main__":
    main()
