"""Calls by turns: every one once, in rotating order, with flushed caches before each."""

import statistics
import time

FLUSH_BYTES = 96 << 20
CALLS_MIN, CALLS_MAX = 9, 400


def sample(torch, calls, seconds):
    """Times in seconds of each call, by name. The flush also takes long enough for threads of
    another library, which wait actively after a call, to sleep."""
    flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8).numpy()
    names = list(calls)
    times = {name: [] for name in names}
    for call in calls.values():
        call()
    begin = time.perf_counter()
    for turn in range(CALLS_MAX):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            flush.fill(turn % 256)
            start = time.perf_counter()
            calls[name]()
            times[name].append(time.perf_counter() - start)
        if turn + 1 >= CALLS_MIN and time.perf_counter() - begin > seconds:
            break
    return times


def medians(times):
    return {name: statistics.median(values) for name, values in times.items()}


def require_near(name, ours, theirs, limit=1e-4):
    """Ends the program unless all elements agree within `limit` of the largest value."""
    error = (ours.double() - theirs.double()).abs().max().item()
    largest = theirs.double().abs().max().item()
    if not error <= limit * max(largest, 1e-30):
        raise SystemExit("%s differs by %g where values are up to %g" % (name, error, largest))
