# SPDX-License-Identifier: Apache-2.0
"""fanout.process_pool beside multiprocessing.Pool, ProcessPoolExecutor and, if it is there, joblib's loky: two workers each, in one
program, in turns. How long they take to start is measured with workers that start alike, as far as that can be: fanout's are forks of
the program where the others' are, else of an interpreter. Each round takes every measure of every library once, in random order; what is printed is how many times as
long as fanout the others took *within* a round: the median over the rounds, and the interval that holds the true median
with at least 95 % (order statistics: right for any distribution). Ends with 1 if a target is missed, the whole interval on its
wrong side; one that is not shown is no failure.

    PYTHONPATH=build/release/lib/python3/dist-packages /usr/bin/python3 bench/python/pools.py [--rounds 12] [--only submit,start]
"""

import argparse
import concurrent.futures
import functools
import math
import multiprocessing
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time

import fanout
import pool_tasks

try:
    import numpy
except ImportError:
    numpy = None
try:
    from joblib.externals import loky
except ImportError:
    loky = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures import warn_of_load  # noqa: E402

SUBMITS = 5_000
SMALL_MAP = 20_000
LARGE_MAP = 500_000
PAYLOAD = 10_000_000
SENDS = 8
LONG = 0.1  # seconds of CPU time that a long task takes, about
LONG_TASKS = 8
FEWEST_ROUNDS = 6  # that show anything at 95 %


class OfExecutor:
    def __init__(self, executor):
        self.executor = executor
        self.submit = executor.submit
        self.close = executor.shutdown

    @staticmethod
    def get(future):
        return future.result()

    def map(self, f, inputs, chunk):
        return list(self.executor.map(f, inputs, chunksize=chunk))


class OfPool:
    def __init__(self, pool):
        self.pool = pool

    def submit(self, f, *args):
        return self.pool.apply_async(f, args)

    @staticmethod
    def get(result):
        return result.get()

    def map(self, f, inputs, chunk):
        return self.pool.map(f, inputs, chunk)

    def close(self):
        self.pool.close()
        self.pool.join()


def libraries(start, ours="forkserver"):
    """By name: what makes a pool."""
    context = multiprocessing.get_context(start)
    makers = {
        "fanout": lambda: OfExecutor(fanout.process_pool(pool_tasks.WORKERS, start=ours)),
        "Pool": lambda: OfPool(context.Pool(pool_tasks.WORKERS)),
        "ProcessPoolExecutor": lambda: OfExecutor(concurrent.futures.ProcessPoolExecutor(pool_tasks.WORKERS, context)),
    }
    if loky is not None:
        makers["loky"] = lambda: OfExecutor(loky.ProcessPoolExecutor(pool_tasks.WORKERS))
    return makers


def submit(pool):
    for result in [pool.submit(pool_tasks.square, x) for x in range(SUBMITS)]:
        pool.get(result)


def trips(pool):
    for x in range(SUBMITS // 10):
        pool.get(pool.submit(pool_tasks.square, x))


def map_by(chunk, count, pool):
    assert len(pool.map(pool_tasks.square, range(count), chunk)) == count


def send(f, data, pool):
    for _ in range(SENDS):
        pool.get(pool.submit(f, data))


def long_tasks(steps, pool):
    for result in [pool.submit(pool_tasks.compute, steps) for _ in range(LONG_TASKS)]:
        pool.get(result)


def seconds(work, *args):
    began = time.perf_counter()
    work(*args)
    return time.perf_counter() - began


def opened(make):
    """A pool, and how many seconds it took from before it was made until each of its workers had answered."""
    handle, path = tempfile.mkstemp(prefix="fanout-pools-")
    os.close(handle)
    began = time.perf_counter()
    pool = make()
    try:
        pids = {pool.get(task) for task in [pool.submit(pool_tasks.meet, path) for _ in range(pool_tasks.WORKERS)]}
        taken = time.perf_counter() - began
        assert len(pids) == pool_tasks.WORKERS
        return pool, taken
    except BaseException:
        pool.close()
        raise
    finally:
        os.unlink(path)


def started(make):
    pool, taken = opened(make)
    pool.close()
    return taken


def in_new_workers(work, make):
    """Each time: how fast a process computes depends on where its heap lies (pool_tasks.move_heap), as long as it lives."""
    pool, _ = opened(make)
    try:
        return seconds(work, pool)
    finally:
        pool.close()


def measures():
    """By name: (work on a pool, the smallest ratio that is asked for)."""
    data = os.urandom(PAYLOAD)
    found = {
        "submit, one by one": (submit, 5),
        "there and back": (trips, None),
        "map, chunks of 1": (functools.partial(map_by, 1, SMALL_MAP), 5),
        "map, chunks of 100": (functools.partial(map_by, 100, LARGE_MAP), None),
        "map, chunks of 1000": (functools.partial(map_by, 1000, LARGE_MAP), None),
        "send, 10 MB bytes": (functools.partial(send, pool_tasks.size_of, data), 2),
        "echo, 10 MB bytes": (functools.partial(send, pool_tasks.echo, data), 2),
    }
    if numpy is not None:
        array = numpy.frombuffer(data, dtype=numpy.uint8).copy()
        found["send, 10 MB array"] = (functools.partial(send, pool_tasks.size_of, array), 2)
        found["echo, 10 MB array"] = (functools.partial(send, pool_tasks.echo, array), 2)
    return found


def interval(values):
    """Of the median: the k-th least and the k-th largest, with the largest k whose level is 95 % or more."""
    values, n = sorted(values), len(values)
    outside, k = 2 / 2**n, 1  # the chance that the true median is beyond the k-th from either end
    while (wider := outside + 2 * math.comb(n, k) / 2**n) <= 0.05:
        outside, k = wider, k + 1
    return values[k - 1], values[n - k]


def held_against(target, low, high):
    return "met" if low >= target else "missed" if high < target else "not shown"


def show(measure, times, target):
    """Prints the rows of a measure, and returns how many miss its target."""
    missed = 0
    own = times["fanout"]
    print(f"{measure}: fanout {1e3 * statistics.median(own):.2f} ms")
    for name, others in times.items():
        if name == "fanout":
            continue
        ratios = [theirs / ours for theirs, ours in zip(others, own)]
        low, high = interval(ratios)
        verdict = ""
        if target is not None:
            verdict = held_against(target, low, high) if len(ratios) >= FEWEST_ROUNDS else "not shown"
            missed += verdict == "missed"
            verdict = f"   target {target}: {verdict}"
        print(f"  {name:<20} {1e3 * statistics.median(others):9.2f} ms   {statistics.median(ratios):6.2f} × [{low:.2f}, {high:.2f}]{verdict}", flush=True)
    return missed


def in_turns(options, makers, work):
    times = {name: [] for name in makers}
    for _ in range(options.rounds + 1):  # the first warms up
        for name in random.sample(list(makers), len(makers)):
            times[name].append(work(name))
    return {name: values[1:] for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--only", default="", help="measures whose names hold one of these, by commas")
    parser.add_argument("--start", default="fork", help="how the workers of Python's own pools start: fork, forkserver, spawn")
    options = parser.parse_args()
    wanted = options.only.split(",")
    warn_of_load()
    makers = libraries(options.start)
    print(f"Python {sys.version.split()[0]}, {pool_tasks.WORKERS} workers, {options.rounds} rounds; the others' workers start by {options.start}")
    missed = 0
    pools = {name: make() for name, make in makers.items()}
    for measure, (work, target) in measures().items():
        if any(word in measure for word in wanted):
            missed += show(measure, in_turns(options, makers, lambda name: seconds(work, pools[name])), target)
    for pool in pools.values():
        pool.close()
    if any(word in "long tasks" for word in wanted):
        steps = round(100_000 * LONG / min(seconds(pool_tasks.compute, 100_000) for _ in range(5)))
        work = functools.partial(long_tasks, steps)
        makers = libraries(options.start, "fork" if options.start == "fork" else "forkserver")
        missed += show("long tasks", in_turns(options, makers, lambda name: in_new_workers(work, makers[name])), 0.98)
    for start in ("fork", "forkserver", "spawn"):
        measure = f"start, the others by {start}"
        if any(word in measure for word in wanted):
            makers = libraries(start, "fork" if start == "fork" else "forkserver")
            missed += show(measure, in_turns(options, makers, lambda name: started(makers[name])), 1)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
