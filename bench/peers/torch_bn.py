#!/usr/bin/env python3
"""Times PyTorch's batch normalization on problem lines, as bench/cubn-bench times cubn.

    build/cubn-bench --suite resnet50-fused --list | bench/peers/torch_bn.py --csv torch.csv -

Reads lines from files ("-" is standard input) or arguments. Writes a table, CSV with the fields of
cubn-bench, and the head of the run as JSON. The implementation is "torch". The algorithms are
"cudnn" and "native" on a GPU, which are eager calls with and without torch.backends.cudnn, "eager"
on a CPU, and "compile" on both: torch.compile of the layer with its epilogue. Fused lines (relu,
add, add_relu) run the code of a network, in place where networks do so. All variants of a problem
alternate. Caches are flushed between repeats (--warm keeps them). On a GPU times are those of CUDA
events around the call, or with --graph of replayed graphs of 20 calls. Needs PyTorch only.
"""

import argparse
import csv
import datetime
import json
import math
import pathlib
import shlex
import statistics
import sys
import time

from torch_problem import (CHECKED_CHANNELS, Refused, floor_bytes, largest_error, make_call,
                           make_tensors, parse_line)

FIELDS = ("device implementation algorithm problem count warm graph median_us min_us iqr_us "
          "repeats floor_bytes gb_per_s over_floor copy_share host_us max_error checked "
          "note").split()
CPU_FLUSH_BYTES = 256 << 20
REPEATS_MIN, REPEATS_MAX = 5, 1000
GRAPH_CALLS = 20
HOST_BATCH_SECONDS = 0.01  # limit for the work of calls that are not waited for


def quartile_range(samples):
    quarters = statistics.quantiles(samples, n=4, method="inclusive")
    return quarters[2] - quarters[0]


class Timer:
    """Times calls on a device, with caches flushed before each."""

    def __init__(self, torch, device, warm):
        self.torch = torch
        self.cuda = device.type == "cuda"
        self.device = device
        self.warm = warm
        flush_bytes = CPU_FLUSH_BYTES
        if self.cuda:
            properties = torch.cuda.get_device_properties(device)
            flush_bytes = max(64 << 20, 2 * getattr(properties, "L2_cache_size", 64 << 20))
        if warm:
            flush_bytes = 1 << 20
        self.flush_memory = torch.empty(flush_bytes, dtype=torch.uint8, device=device)
        self.flush_repeats = 1

    def flush(self):
        """On a GPU this also lasts until the host has enqueued the call: host time is not timed."""
        if self.warm and not self.cuda:
            return
        for _ in range(self.flush_repeats):
            self.flush_memory.zero_()

    def set_flush_repeats(self, calls):
        """Sets the number of flushes that take twice the host time of the slowest call."""
        if not self.cuda:
            return
        host = max(self.host_seconds(call, 3, HOST_BATCH_SECONDS / 10) for call in calls)
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(16):
            self.flush_memory.zero_()
        end.record()
        self.torch.cuda.synchronize()
        once = 1e-3 * begin.elapsed_time(end) / 16
        self.flush_repeats = max(1, math.ceil(2 * host / once))

    def once(self, call):
        self.flush()
        if not self.cuda:
            begin = time.perf_counter()
            call()
            return time.perf_counter() - begin
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        return begin, end

    def seconds(self, calls, budget):
        """Sorted times of each call; the calls alternate."""
        for call in calls:
            call()
        self.set_flush_repeats(calls)
        samples = [[] for _ in calls]
        begin = time.perf_counter()
        for repeat in range(REPEATS_MAX):
            for index, call in enumerate(calls):
                samples[index].append(self.once(call))
            if repeat + 1 < REPEATS_MIN:
                continue
            if self.cuda and repeat % 8 == 0:
                self.torch.cuda.synchronize()
            if time.perf_counter() - begin > budget:
                break
        if self.cuda:
            self.torch.cuda.synchronize()
            samples = [[1e-3 * a.elapsed_time(b) for a, b in pairs] for pairs in samples]
        return [sorted(times) for times in samples]

    def host_seconds(self, call, repeats=5, seconds=1e-4):
        """Time until a call returns, without waiting; its work takes about so many seconds."""
        calls = max(10, min(100, int(HOST_BATCH_SECONDS / seconds)))
        times = []
        for _ in range(repeats):
            begin = time.perf_counter()
            for _ in range(calls):
                call()
            times.append((time.perf_counter() - begin) / calls)
            if self.cuda:
                self.torch.cuda.synchronize()
        return statistics.median(times)

    def capture(self, call):
        """A replay of GRAPH_CALLS calls, which have been made before."""
        graph = self.torch.cuda.CUDAGraph()
        side = self.torch.cuda.Stream()
        side.wait_stream(self.torch.cuda.current_stream())
        with self.torch.cuda.stream(side):
            call()
        self.torch.cuda.current_stream().wait_stream(side)
        with self.torch.cuda.graph(graph):
            for _ in range(GRAPH_CALLS):
                call()
        return graph.replay

    def variants(self, wanted):
        known = ("cudnn", "native", "compile") if self.cuda else ("eager", "compile")
        can_compile = hasattr(self.torch, "compile")
        return [name for name in known
                if (not wanted or name in wanted) and (name != "compile" or can_compile)]


def prepare(torch, timer, problem, tensors, variant, graph):
    """The call of a variant with its error, or a note that says why there is none."""
    enabled = variant == "cudnn"
    torch.backends.cudnn.enabled = enabled
    try:
        call, y = make_call(torch, problem, tensors, variant)
        error = largest_error(torch, problem, tensors, y, call())
        if graph:
            call = timer.capture(call)
    except Exception as wrong:  # whatever a compiler may raise: the other variants go on
        return None, None, (str(wrong).strip() or repr(wrong)).splitlines()[0][:200]

    def with_backend():
        torch.backends.cudnn.enabled = enabled
        return call()

    return with_backend, error, ""


def make_record(timer, problem, options, name, implementation, algorithm):
    record = dict.fromkeys(FIELDS, "")
    record.update(device=name, implementation=implementation, algorithm=algorithm,
                  problem=problem["line"], count=problem["count"], warm=int(timer.warm),
                  graph=GRAPH_CALLS if options.graph else 0, repeats=0)
    return record


def fill_times(record, samples, calls_per_entry, copy_median):
    median = statistics.median(samples) / calls_per_entry
    record.update(median_us="%.6g" % (1e6 * median),
                  min_us="%.6g" % (1e6 * samples[0] / calls_per_entry),
                  iqr_us="%.4g" % (1e6 * quartile_range(samples) / calls_per_entry),
                  repeats=len(samples),
                  gb_per_s="%.5g" % (1e-9 * record["floor_bytes"] / median),
                  copy_share="%.4g" % (copy_median / calls_per_entry / median))


def time_problem(torch, timer, problem, options, name):
    """One record per variant, and one of the copy of as many bytes."""
    if hasattr(torch, "_dynamo"):
        torch._dynamo.reset()
    tensors = make_tensors(torch, problem, timer.device)
    bytes_moved = floor_bytes(problem, tensors["x"].numel(), tensors["x"].element_size())
    source = torch.ones(bytes_moved // 2, dtype=torch.uint8, device=timer.device)
    target = torch.empty_like(source)
    records, calls = [], []
    for variant in timer.variants(options.variants) + ["copy"]:
        is_copy = variant == "copy"
        record = make_record(timer, problem, options, name, "copy" if is_copy else "torch",
                             "" if is_copy else variant)
        record["floor_bytes"] = bytes_moved
        if is_copy:
            call = lambda: target.copy_(source)
            call = timer.capture(call) if options.graph else call
        else:
            call, error, record["note"] = prepare(torch, timer, problem, tensors, variant,
                                                  options.graph)
            record["checked"] = "%d channels" % min(CHECKED_CHANNELS, problem["dims"][1])
            record["max_error"] = "%.4g" % error if error is not None else ""
        records.append(record)
        calls.append(call)
    timed = [index for index, call in enumerate(calls) if call]
    samples = timer.seconds([calls[index] for index in timed], options.seconds)
    copy_median = statistics.median(samples[-1])
    calls_per_entry = GRAPH_CALLS if options.graph else 1
    for index, times in zip(timed, samples):
        fill_times(records[index], times, calls_per_entry, copy_median)
        if timer.cuda:
            host = timer.host_seconds(calls[index], seconds=statistics.median(times))
            records[index]["host_us"] = "%.4g" % (1e6 * host / calls_per_entry)
    return records


def read_lines(arguments):
    for argument in arguments:
        if argument == "-":
            source = sys.stdin.read().splitlines()
        elif pathlib.Path(argument).is_file():
            source = pathlib.Path(argument).read_text().splitlines()
        else:
            source = [argument]
        for line in source:
            line = line.partition("#")[0].strip()
            if line:
                yield line


def write_head(path, torch, timer, name):
    """The head of the run as JSON, as cubn-bench writes it."""
    versions = ["PyTorch " + torch.__version__]
    if timer.cuda:
        versions += ["CUDA " + str(torch.version.cuda),
                     "cuDNN %s" % torch.backends.cudnn.version()]
    head = {"device": name, "versions": ", ".join(versions),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "command": shlex.join(sys.argv)}
    pathlib.Path(path).write_text(json.dumps(head, indent=2) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lines", nargs="+", help="problem lines, files of them, or -")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if there is one)")
    parser.add_argument("--seconds", type=float, default=0.5, help="time budget per problem")
    parser.add_argument("--variants", type=lambda text: text.split(","), default=[],
                        help="of cudnn, native, eager, compile, with commas between (default: all)")
    parser.add_argument("--warm", action="store_true", help="keep the caches between repeats")
    parser.add_argument("--graph", action="store_true",
                        help="time replays of CUDA graphs of %d calls, caches kept" % GRAPH_CALLS)
    parser.add_argument("--csv", help="file to write, with the records")
    parser.add_argument("--json", help="file to write, with the head of the run")
    return parser.parse_args()


def show(record):
    if record["note"]:
        print("%-48s %-8s %s" % (record["problem"], record["algorithm"], record["note"]))
    elif record["implementation"] == "torch":
        shown = ("problem", "algorithm", "median_us", "gb_per_s", "max_error")
        print("%-48s %-8s %10s us %8s GB/s, error %s" % tuple(record[f] for f in shown))


def run(torch, timer, options, name):
    """Times all lines. Returns the exit status."""
    file = open(options.csv, "w", newline="") if options.csv else None
    writer = csv.DictWriter(file, FIELDS) if file else None
    if options.json:
        write_head(options.json, torch, timer, name)
    if writer:
        writer.writeheader()
    for line in read_lines(options.lines):
        try:
            records = time_problem(torch, timer, parse_line(line), options, name)
        except ValueError as wrong:
            print("torch_bn.py: %s" % wrong, file=sys.stderr)
            return 2
        except Refused as reason:
            print("%-48s not timed: %s" % (line, reason))
            continue
        for record in records:
            show(record)
            if writer:
                writer.writerow(record)
        if file:  # a run that is interrupted leaves its results
            file.flush()
        sys.stdout.flush()
    return 0


def main():
    options = parse_arguments()
    try:
        import torch
    except ImportError:
        print("torch_bn.py: nothing to time: PyTorch is not installed")
        return 0
    wanted = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        print("torch_bn.py: nothing to time: PyTorch finds no GPU")
        return 0
    if options.graph and not wanted.startswith("cuda"):
        print("torch_bn.py: nothing to time: --graph needs a GPU")
        return 0
    options.warm = options.warm or options.graph
    timer = Timer(torch, torch.device(wanted), options.warm)
    name = "CPU, %d threads" % torch.get_num_threads()
    if timer.cuda:
        name = torch.cuda.get_device_name(timer.device)
    name += ", PyTorch " + torch.__version__
    print(name)
    return run(torch, timer, options, name)


if __name__ == "__main__":
    sys.exit(main())
