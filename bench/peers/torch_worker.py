#!/usr/bin/env python3
"""PyTorch on a CPU as a process of cubn-bench, which starts it: bench/peers/protocol.h.

Reads questions from standard input and answers on descriptor 3. Times the eager call. torch.compile
is timed by torch_bn.py.
"""

import ctypes
import os
import pathlib
import sys
import threading
import time

from torch_problem import Refused, largest_error, make_call, make_tensors, parse_line

ANSWERS_FD = 3
FLUSH_THREADS_MAX = 256
CACHE_BYTES_GUESS = 64 << 20
WARM_SECONDS = 0.002  # as WARM_SECONDS of bench/measure/measure.c
CACHE = pathlib.Path("/sys/devices/system/cpu/cpu0/cache/index3/size")


def cache_bytes():
    """The LLC, as cubn-bench finds it."""
    try:
        return int(CACHE.read_text().strip().removesuffix("K")) << 10
    except (OSError, ValueError):
        return CACHE_BYTES_GUESS


class Worker:
    def __init__(self, torch, warm):
        self.torch = torch
        self.warm = warm
        self.flush_memory = ctypes.create_string_buffer(1 if warm else 2 * cache_bytes())
        self.flush_value = 0
        self.call = None

    def flush(self):
        # As bench/timers/timer_cpu.c does, so that no thread of PyTorch is awake before the call.
        self.flush_value = (self.flush_value + 1) % 256
        count = min(os.cpu_count() or 1, FLUSH_THREADS_MAX)
        size = len(self.flush_memory) // count
        begin = ctypes.addressof(self.flush_memory)
        others = [threading.Thread(target=ctypes.memset,
                                   args=(begin + i * size, self.flush_value, size))
                  for i in range(1, count)]
        for thread in others:
            thread.start()
        ctypes.memset(begin, self.flush_value, size)
        for thread in others:
            thread.join()

    def prepare(self, line):
        """The lines of the answer."""
        error, note, self.call = "", "", None
        try:
            problem = parse_line(line)
            tensors = make_tensors(self.torch, problem, self.torch.device("cpu"))
            self.call, y = make_call(self.torch, problem, tensors, "eager")
            error = "%.4g" % largest_error(self.torch, problem, tensors, y, self.call())
        except (Refused, ValueError, RuntimeError) as wrong:
            self.call = None
            note = " ".join(str(wrong).split())[:200] or "refused"
        return ["entries\t1", "\t".join(["torch", "eager", error, "0", note])]

    def seconds(self):
        if not self.call:
            return -1
        if self.warm:
            end = time.perf_counter() + WARM_SECONDS
            self.call()
            while time.perf_counter() < end:
                self.call()
        else:
            self.flush()
        begin = time.perf_counter()
        self.call()
        return time.perf_counter() - begin


def main():
    answers = os.fdopen(ANSWERS_FD, "w")

    def say(*lines):
        print(*lines, sep="\n", file=answers, flush=True)

    try:
        import torch
    except (ImportError, OSError) as wrong:
        say("cannot\t%s: no PyTorch (%s)" % (sys.executable, str(wrong).splitlines()[0][:150]))
        return
    worker = Worker(torch, "--warm" in sys.argv[1:])
    say("ready\tPyTorch %s, %d threads" % (torch.__version__, torch.get_num_threads()))
    for line in sys.stdin:
        question, _, rest = line.strip().partition(" ")
        if question == "problem":
            say(*worker.prepare(rest))
        elif question == "time":
            say("%.9g" % worker.seconds())


if __name__ == "__main__":
    main()
