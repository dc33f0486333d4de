#!/usr/bin/env python3
"""Trains ResNet-18 with PyTorch, with and without the binary drop-in for cuDNN, and compares.

    scripts/torch_resnet.py --dropin build/libcubn_cudnn.so

For NCHW and channels-last, in float and with automatic mixed precision, the same training is run by
processes of their own: with cuDNN's batch norm; with PyTorch's own kernels, whose losses tell how
far two correct implementations drift apart; with cuDNN's under LD_PRELOAD of the drop-in; and again
for two steps with CUBN_LOG=1, for the number of calls that were taken over. It fails if no call was
taken over, if calls were passed on, or if the losses with the drop-in drift from cuDNN's further
than --drift times as far as PyTorch's own do. Times are medians over the steps of alternating runs.
Needs PyTorch with a GPU; uses torchvision's network if there is one, else the same one defined
here.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

# Losses are about 4.6 at the start; below this a difference is rounding.
DRIFT_FLOOR = {"f32": 1e-4, "amp": 1e-2}


def define_resnet18(torch, classes):
    """The network of He et al. 2015 (arXiv:1512.03385), table 1, 18 layers."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Identity()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                              nn.BatchNorm2d(outputs))

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
              nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)]
    return nn.Sequential(*layers)


def make_network(torch, classes):
    try:
        import torchvision
        return torchvision.models.resnet18(num_classes=classes), "torchvision"
    except (ImportError, RuntimeError):
        return define_resnet18(torch, classes), "own definition"


def use_native_batch_norm(torch):
    """PyTorch's own kernels for batch norm, cuDNN for all else."""
    forward = torch.nn.BatchNorm2d.forward

    def native(self, x):
        with torch.backends.cudnn.flags(enabled=False):
            return forward(self, x)
    torch.nn.BatchNorm2d.forward = native


def step_timer(torch, cuda):
    """A function that gives the milliseconds of a call."""
    def timed(call):
        if not cuda:
            return 0.0, call()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        result = call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end), result
    return timed


def make_scaler(torch, enabled):
    """The scaler of losses, which moved in PyTorch 2.3."""
    if hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler("cuda", enabled=enabled)
    return torch.cuda.amp.GradScaler(enabled=enabled)


def train(options):
    """One training; prints a record as JSON."""
    import torch
    cuda = options.device == "cuda"
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    if options.native:
        use_native_batch_norm(torch)
    network, origin = make_network(torch, 100)
    layout = torch.channels_last if options.layout == "nhwc" else torch.contiguous_format
    network = network.to(options.device).to(memory_format=layout).train()
    images = torch.randn(options.batch, 3, options.size, options.size).to(options.device)
    images = images.to(memory_format=layout)
    labels = torch.randint(0, 100, (options.batch,)).to(options.device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    mixed = cuda and options.type == "amp"
    scaler = make_scaler(torch, mixed)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.float16) if mixed else contextlib.nullcontext():
            loss = torch.nn.functional.cross_entropy(network(images), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    timed, times, losses = step_timer(torch, cuda), [], []
    for _ in range(options.steps):
        milliseconds, loss = timed(step)
        times.append(milliseconds)
        losses.append(loss.item())
    network.eval()
    with torch.no_grad():
        with torch.autocast("cuda", torch.float16) if mixed else contextlib.nullcontext():
            inferred = torch.nn.functional.cross_entropy(network(images), labels).item()
    # The first steps choose algorithms and fill the allocator.
    warm = times[min(3, len(times) - 1):]
    print(json.dumps({"losses": losses, "inferred": inferred, "ms": statistics.median(warm),
                      "network": origin, "torch": torch.__version__,
                      "cudnn": torch.backends.cudnn.version(),
                      "gpu": torch.cuda.get_device_name() if cuda else options.device}))
    return 0


def run_child(options, layout, kind, steps, native=False, preload=False, log=None):
    """A training in a process of its own."""
    command = [sys.executable, os.path.abspath(__file__), "--train", "--layout", layout,
               "--type", kind, "--steps", str(steps), "--batch", str(options.batch),
               "--size", str(options.size), "--device", options.device]
    command += ["--native"] if native else []
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("CUBN_LOG", "CUBN_LOGLEVEL", "CUBN_LOGDEST")}
    if preload:
        others = [environment["LD_PRELOAD"]] if environment.get("LD_PRELOAD") else []
        environment["LD_PRELOAD"] = ":".join([os.path.abspath(options.dropin)] + others)
    if log:
        environment.update(CUBN_LOGLEVEL="3", CUBN_LOGDEST=log)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise RuntimeError("%s: exit status %d" % (" ".join(command[2:]), done.returncode))
    return json.loads(lines[-1])


def count_calls(options, layout, kind):
    """Calls that were taken over and passed on in two steps and one inference."""
    with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
        run_child(options, layout, kind, 2, preload=True, log=log.name)
        text = log.read()
    totals = re.findall(r"cudnn drop-in: (\d+) calls taken over, (\d+) passed on", text)
    for line in re.findall(r"cudnn drop-in: (cudnn\w+: .*)", text):
        print("    " + line)
    return tuple(int(count) for count in totals[-1]) if totals else (0, 0)


def largest_difference(one, other):
    pairs = zip(one["losses"] + [one["inferred"]], other["losses"] + [other["inferred"]])
    return max(abs(a - b) for a, b in pairs)


def compare(options, layout, kind):
    """Prints what was found; whether all is right."""
    def run(**how):
        return run_child(options, layout, kind, options.steps, **how)

    native = run(native=True)
    runs = [(run(), run(preload=True)) for _ in range(options.repeats)]
    real, ours = runs[0]
    print("%s %s, batch %d, %d x %d; %s, PyTorch %s, cuDNN %s, ResNet-18: %s" % (
        layout, kind, options.batch, options.size, options.size, real["gpu"], real["torch"],
        real["cudnn"], real["network"]))
    taken, passed_on = count_calls(options, layout, kind)
    drift, allowed = largest_difference(ours, real), max(
        DRIFT_FLOOR[kind], options.drift * largest_difference(native, real))
    times = [statistics.median(pair[side]["ms"] for pair in runs) for side in (0, 1)]
    print("    calls taken over %d, passed on %d" % (taken, passed_on))
    print("    losses %.6f ... %.6f with cuDNN, ... %.6f with cubn; largest difference %.3g, "
          "allowed %.3g" % (
        real["losses"][0], real["losses"][-1], ours["losses"][-1], drift, allowed))
    if options.device == "cuda":
        print("    a step: %.3f ms with cuDNN's batch norm, %.3f with cubn's, "
              "%.3f with PyTorch's" % (
            times[0], times[1], native["ms"]))
    right = drift <= allowed and ours["losses"][-1] < ours["losses"][0]
    if options.device == "cuda":
        right = right and taken > 0 and passed_on == 0
    if not right:
        print("    FAILED")
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dropin", default="build/libcubn_cudnn.so", help="the library to preload")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=224, help="of the images")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each kind, for the times")
    parser.add_argument("--drift", type=float, default=4.0)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: a dry run")
    parser.add_argument("--layout", choices=("nchw", "nhwc"), help="this one only")
    parser.add_argument("--type", choices=("f32", "amp"), help="this one only")
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--native", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        return train(options)
    try:
        import torch
    except ImportError:
        print("torch_resnet.py: nothing to train: PyTorch is not installed")
        return 0
    if options.device == "cuda" and not torch.cuda.is_available():
        print("torch_resnet.py: nothing to train: PyTorch finds no GPU")
        return 0
    if not os.path.exists(options.dropin):
        print("torch_resnet.py: there is no %s: make with CUDA=1" % options.dropin, file=sys.stderr)
        return 2
    layouts = [options.layout] if options.layout else ["nhwc", "nchw"]
    kinds = [options.type] if options.type else ["amp", "f32"]
    results = [compare(options, layout, kind) for layout in layouts for kind in kinds]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
