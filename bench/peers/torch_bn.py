#!/usr/bin/env python3
"""Times PyTorch's eager batch normalization on problem lines, as bench/cubn-bench times cubn.

    build/cubn-bench --suite resnet50 --list | bench/peers/torch_bn.py --csv torch.csv -

Reads lines from files ("-" is standard input) or arguments, writes a table and CSV with the fields
of cubn-bench, in which the implementation is "torch" and the algorithm "cudnn" or "native": with
and without torch.backends.cudnn; on a CPU it is "eager". Caches are flushed between repeats; on a
GPU times are those of CUDA events around the call. Needs PyTorch only.
"""

import argparse
import csv
import pathlib
import re
import statistics
import sys
import time

FIELDS = ("device implementation algorithm problem count warm median_us min_us iqr_us repeats "
          "floor_bytes gb_per_s over_floor copy_share host_us max_error checked note").split()
LAYOUTS = {"nc", "ncw", "nchw", "ncdhw", "nhwc", "ndhwc"}
CPU_FLUSH_BYTES = 256 << 20
REPEATS_MIN, REPEATS_MAX = 5, 1000
CHECKED_CHANNELS = 2


class Refused(Exception):
    """A line that is right but that this peer does not run."""


def parse_line(text):
    """The problem of a line, as a dictionary."""
    counted = re.match(r"(\d+)x\s+(.*)", text)
    count, line = (int(counted.group(1)), counted.group(2)) if counted else (1, text)
    words = line.split()
    if len(words) < 4 or words[0] not in ("train", "infer", "backward"):
        raise ValueError("not a problem line: %r" % text)
    dims = [int(size) for size in re.findall(r"[a-z](\d+)", words[3])]
    problem = {"line": line, "count": count, "pass": words[0], "layout": words[1], "type": words[2],
               "dims": dims, "eps": 1e-5, "factor": 0.1, "mean": 0.5, "std": 1.0}
    for option in words[4:]:
        name, _, value = option.partition("=")
        if name not in ("eps", "factor", "mean", "std"):
            raise Refused("option %s" % option)
        problem[name] = float(value)
    if problem["layout"] not in LAYOUTS or len(dims) != len(problem["layout"]):
        raise Refused("layout %s" % problem["layout"])
    return problem


def quartile_range(samples):
    quarters = statistics.quantiles(samples, n=4, method="inclusive")
    return quarters[2] - quarters[0]


class Timer:
    """Times calls on a device, with caches flushed before each."""

    def __init__(self, torch, device):
        self.torch = torch
        self.cuda = device.type == "cuda"
        self.device = device
        flush_bytes = CPU_FLUSH_BYTES
        if self.cuda:
            properties = torch.cuda.get_device_properties(device)
            flush_bytes = max(64 << 20, 2 * getattr(properties, "L2_cache_size", 64 << 20))
        self.flush_memory = torch.empty(flush_bytes, dtype=torch.uint8, device=device)

    def once(self, call):
        self.flush_memory.zero_()
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
        """Sorted times of each call; the calls take turns."""
        for call in calls:
            call()
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
        return [sorted(part) for part in samples]

    def host_seconds(self, call):
        """Until a call returns, without waiting."""
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            for _ in range(100):
                call()
            times.append((time.perf_counter() - begin) / 100)
            if self.cuda:
                self.torch.cuda.synchronize()
        return statistics.median(times)

    def variants(self):
        return ("cudnn", "native") if self.cuda else ("eager",)


def make_tensors(torch, problem, device):
    dtype = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32,
             "f64": torch.float64}[problem["type"]]
    formats = {"nhwc": torch.channels_last, "ndhwc": torch.channels_last_3d}
    layout = formats.get(problem["layout"], torch.contiguous_format)
    generator = torch.Generator().manual_seed(1)

    def tensor(mean, std):
        values = torch.randn(problem["dims"], generator=generator) * std + mean
        return values.to(dtype=dtype, device=device).to(memory_format=layout)

    x, dy = tensor(problem["mean"], problem["std"]), tensor(0.25, 1.0)
    channels = problem["dims"][1]
    params = torch.float64 if dtype == torch.float64 else torch.float32
    scale = torch.linspace(0.5, 1.5, channels, dtype=params, device=device)
    bias = torch.linspace(-1, 1, channels, dtype=params, device=device)
    mean = torch.full((channels,), problem["mean"], dtype=params, device=device)
    var = torch.full((channels,), problem["std"] ** 2, dtype=params, device=device)
    return x, dy, scale, bias, mean, var


def make_call(torch, problem, tensors):
    """The call to be timed; it returns y or dx."""
    x, dy, scale, bias, mean, var = tensors
    training = problem["pass"] != "infer"

    def forward():
        return torch.nn.functional.batch_norm(x, mean, var, scale, bias, training,
                                              problem["factor"], problem["eps"])

    if problem["pass"] != "backward":
        def call():
            with torch.no_grad():
                return forward()
        return call
    for leaf in (x, scale, bias):
        leaf.requires_grad_(True)
    y = forward()
    return lambda: torch.autograd.grad(y, (x, scale, bias), dy, retain_graph=True)[0]


def largest_error(torch, problem, tensors, result):
    """Against the formulas in double, in the first channels."""
    x, dy, scale, bias, mean, var = (t.detach() for t in tensors)
    used = min(CHECKED_CHANNELS, problem["dims"][1])
    axes = [axis for axis in range(x.dim()) if axis != 1]
    shape = [-1 if axis == 1 else 1 for axis in range(x.dim())]
    x, dy, got = (t[:, :used].double() for t in (x, dy, result.detach()))
    scale, bias, mean, var = (t[:used].double().reshape(shape) for t in (scale, bias, mean, var))
    if problem["pass"] != "infer":
        mean, var = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, unbiased=False)
    inv_std = (var + problem["eps"]).rsqrt()
    x_hat = (x - mean) * inv_std
    if problem["pass"] == "backward":
        dbias, dscale = dy.mean(axes, keepdim=True), (dy * x_hat).mean(axes, keepdim=True)
        wanted = scale * inv_std * (dy - dbias - x_hat * dscale)
    else:
        wanted = scale * x_hat + bias
    return (got - wanted).abs().max().item()


def time_problem(torch, timer, problem, options, name):
    """One record per variant, and one of the copy of as many bytes."""
    tensors = make_tensors(torch, problem, timer.device)
    tensor_count = 3 if problem["pass"] == "backward" else 2
    floor_bytes = tensor_count * tensors[0].numel() * tensors[0].element_size()
    variants, calls, errors = timer.variants(), [], []
    for variant in variants:
        torch.backends.cudnn.enabled = variant == "cudnn"
        call = make_call(torch, problem, tensors)
        errors.append(largest_error(torch, problem, tensors, call()))

        def with_backend(call=call, enabled=variant == "cudnn"):
            torch.backends.cudnn.enabled = enabled
            return call()
        calls.append(with_backend)
    source = torch.ones(floor_bytes // 2, dtype=torch.uint8, device=timer.device)
    target = torch.empty_like(source)
    calls.append(lambda: target.copy_(source))
    samples = timer.seconds(calls, options.seconds)
    copy_median = statistics.median(samples[-1])
    for index, call in enumerate(calls):
        is_copy = index == len(variants)
        median = statistics.median(samples[index])
        yield {"device": name, "implementation": "copy" if is_copy else "torch",
               "algorithm": "" if is_copy else variants[index], "problem": problem["line"],
               "count": problem["count"], "warm": 0, "median_us": "%.6g" % (1e6 * median),
               "min_us": "%.6g" % (1e6 * samples[index][0]),
               "iqr_us": "%.4g" % (1e6 * quartile_range(samples[index])),
               "repeats": len(samples[index]), "floor_bytes": floor_bytes,
               "gb_per_s": "%.5g" % (1e-9 * floor_bytes / median), "over_floor": "",
               "copy_share": "%.4g" % (copy_median / median),
               "host_us": "%.4g" % (1e6 * timer.host_seconds(call)) if timer.cuda else "",
               "max_error": "" if is_copy else "%.4g" % errors[index],
               "checked": "%d channels" % min(CHECKED_CHANNELS, problem["dims"][1]), "note": ""}


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lines", nargs="+", help="problem lines, files of them, or -")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if there is one)")
    parser.add_argument("--seconds", type=float, default=0.5, help="time budget per problem")
    parser.add_argument("--csv", help="file to write")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("torch_bn.py: nothing to time: PyTorch is not installed")
        return 0
    wanted = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        print("torch_bn.py: nothing to time: PyTorch finds no GPU")
        return 0
    timer = Timer(torch, torch.device(wanted))
    name = "CPU, %d threads" % torch.get_num_threads()
    if timer.cuda:
        name = torch.cuda.get_device_name(timer.device)
    name += ", PyTorch " + torch.__version__
    print(name)
    file = open(options.csv, "w", newline="") if options.csv else None
    writer = csv.DictWriter(file, FIELDS) if file else None
    if writer:
        writer.writeheader()
    for line in read_lines(options.lines):
        try:
            records = list(time_problem(torch, timer, parse_line(line), options, name))
        except ValueError as wrong:
            print("torch_bn.py: %s" % wrong, file=sys.stderr)
            return 2
        except Refused as reason:
            print("%-44s not timed: %s" % (line, reason))
            continue
        for record in records:
            if record["implementation"] == "torch":
                shown = ("problem", "algorithm", "median_us", "gb_per_s", "max_error")
                print("%-44s %-8s %10s us %8s GB/s, error %s" % tuple(record[f] for f in shown))
            if writer:
                writer.writerow(record)
        if file:
            file.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
