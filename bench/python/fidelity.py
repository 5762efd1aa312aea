# SPDX-License-Identifier: Apache-2.0
"""Does a function take as long under fanout's host as in a plain Python program? Runs it both ways in turn, in pairs of
fresh processes of the same interpreter, and prints for each model how many times as long the host took, and how many times the
CPU time: the median over the pairs, and the interval that holds the true median with at least 95 % (order statistics: right
for any distribution). Wall times want a quiet machine; CPU times want one CPU, if they are not of one speed: `taskset -c 1`. The target, within 2 % of as long, is met if that whole
interval is within, and missed if it is wholly without: then this ends with 1. Else it is not shown, which is no failure.

    taskset -c 1 PYTHON bench/python/fidelity.py LIB [--pairs N] [--tasks N] [--workers N] [FILE:FUNCTION [ARG…]]

LIB is the folder with host.py: build/release/lib/fanout. The interpreter that runs this script is the one that is compared.
"""
import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile

TARGET = 0.02
HERE = os.path.dirname(os.path.abspath(__file__))
# What is compared if nothing is said: the notebook's loop, whose time is up to a tenth another as a process' objects happen to lie, and
# what is not so particular.
USUAL = (
    (os.path.join(HERE, "..", "..", "examples", "notebook", "tasks.py:cpu_task"), [3_000_000]),
    (os.path.join(HERE, "fidelity_tasks.py:parse"), [40]),
)

# What one would write without fanout, with no more imported than it needs: a heap full of modules makes a loop 3 % slower. The
# clock starts where the host's does: the file is imported, nothing set up.
PLAIN = """
import os, resource, sys, time
model, file, name, tasks, workers, arguments = eval(sys.argv[1])
if model == "async": import asyncio
if model == "threads": from concurrent.futures import ThreadPoolExecutor
sys.path[0] = os.path.dirname(file)
function = getattr(__import__(os.path.basename(file).removesuffix(".py")), name)

def serial():
    return [function(*arguments) for _ in range(tasks)]

def threads():
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda _: function(*arguments), range(tasks)))

def in_loop():
    async def one():
        value = function(*arguments)
        return await value if hasattr(type(value), "__await__") else value
    async def every():
        return await asyncio.gather(*[one() for _ in range(tasks)])
    return asyncio.run(every())

run = {"serial": serial, "threads": threads, "async": in_loop}[model]
wall, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
run()
after = resource.getrusage(resource.RUSAGE_SELF)
print(time.monotonic() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
"""


def plain(model, work):
    command = [sys.executable, "-B", "-c", PLAIN, repr([model, work.file, work.function, work.tasks, work.workers, work.arguments])]
    printed = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    return tuple(map(float, printed.split()[-2:]))


def hosted(model, work):
    command = [sys.executable, os.path.join(work.lib, "host.py"), f"--model={model}", f"--file={work.file}", f"--function={work.function}"]
    command += [f"--tasks={work.tasks}", f"--workers={work.workers}", *(f"--arg={json.dumps(argument)}" for argument in work.arguments)]
    environment = dict(os.environ)
    if model == "threads":
        environment["LD_PRELOAD"] = os.path.join(work.lib, "libfanout_gil.so")  # as fanout compare does
    with tempfile.TemporaryFile() as record:
        environment["FANOUT_RECORD_FD"] = str(record.fileno())
        subprocess.run(command, env=environment, pass_fds=[record.fileno()], stdin=subprocess.DEVNULL, capture_output=True, check=True)
        record.seek(0)
        found = json.loads(record.read())
    if "wall_s" not in found or not all(task["ok"] for task in found["tasks"]):
        raise SystemExit(f"{model}: {found.get('error') or found['tasks']}")
    return found["wall_s"], found["cpu_user_s"] + found["cpu_sys_s"]


def interval(values):
    """Of the median: the k-th least and the k-th largest, with the largest k whose level is 95 % or more."""
    values, n = sorted(values), len(values)
    outside, k = 2 / 2**n, 1  # the chance that the true median is beyond the k-th from either end
    while (wider := outside + 2 * math.comb(n, k) / 2**n) <= 0.05:
        outside, k = wider, k + 1
    return values[k - 1], values[n - k], 1 - outside


def held_against_target(low, high, level):
    if level < 0.95:  # fewer than six pairs
        return "not shown"
    if 1 - TARGET <= low and high <= 1 + TARGET:
        return "met"
    return "missed" if high < 1 - TARGET or low > 1 + TARGET else "not shown"


def compare(model, work):
    """Prints the rows of a model, and returns their verdicts."""
    ways = [plain, hosted]
    for way in ways:
        way(model, work)  # files are in memory after it
    pairs = []
    for _ in range(work.pairs):
        random.shuffle(ways)
        times = {way: way(model, work) for way in ways}
        pairs.append([hosts / plains for hosts, plains in zip(times[hosted], times[plain])])
    verdicts = []
    for what, ratios in zip(("wall", "CPU"), zip(*pairs)):
        low, high, level = interval(ratios)
        verdicts.append(held_against_target(low, high, level))
        print(f"{model:<8} {what:<5} {statistics.median(ratios):.4f}   [{low:.4f}, {high:.4f}]   at {100 * level:.1f} %"
              f"   within {100 * TARGET:.0f} %: {verdicts[-1]}", flush=True)
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lib")
    parser.add_argument("work", nargs="?", metavar="FILE:FUNCTION")
    parser.add_argument("arguments", nargs="*", type=json.loads)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--tasks", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    work = parser.parse_intermixed_args()
    verdicts = []
    for name, work.arguments in [(work.work, work.arguments)] if work.work else USUAL:
        file, _, work.function = name.rpartition(":")
        work.file = os.path.abspath(file)
        print(f"{work.function}({', '.join(map(str, work.arguments))}) × {work.tasks}, Python {sys.version.split()[0]}: host / plain, {work.pairs} pairs")
        verdicts += [verdict for model in ("serial", "threads", "async") for verdict in compare(model, work)]
    sys.exit(1 if "missed" in verdicts else 0)


if __name__ == "__main__":
    main()
