# SPDX-License-Identifier: Apache-2.0
"""What threads_bench measures, in Python: concurrent.futures.ThreadPoolExecutor with two workers.

    /usr/bin/python3 bench/threads/threads.py [--json] [--rounds 5]
"""

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

WORKERS = 2
MANY = 100_000
UNTIL_ASLEEP = 0.002  # seconds
TERMS = 2_000_000


def nothing():
    pass


def plus_one(x):
    return x + 1


def sum_of_squares(n):
    return sum(i * i for i in range(n))


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def submit_and_get(pool):
    for future in [pool.submit(nothing) for _ in range(MANY)]:
        future.result()


def map_all(pool):
    assert list(pool.map(plus_one, range(MANY)))[-1] == MANY


def trip(pool):
    return 1e6 * seconds(lambda: pool.submit(nothing).result())


def trip_when_asleep(pool):
    time.sleep(UNTIL_ASLEEP)
    return trip(pool)


def run_two(pool):
    for future in [pool.submit(sum_of_squares, TERMS) for _ in range(WORKERS)]:
        future.result()


def one_after_the_other():
    for _ in range(WORKERS):
        sum_of_squares(TERMS)


def measure(pool):
    """One round, all in turns."""
    idle = sorted(trip_when_asleep(pool) for _ in range(300))
    hot = sorted(trip(pool) for _ in range(3000))
    return {
        "submit_ns": 1e9 * seconds(lambda: submit_and_get(pool)) / MANY,
        "map_ns": 1e9 * seconds(lambda: map_all(pool)) / MANY,
        "idle_p50_us": idle[len(idle) // 2],
        "idle_p99_us": idle[len(idle) * 99 // 100],
        "back_to_back_p50_us": hot[len(hot) // 2],
        "back_to_back_p99_us": hot[len(hot) * 99 // 100],
        "cpu_speedup": seconds(one_after_the_other) / seconds(lambda: run_two(pool)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for programs: bench/threads/compare")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with ThreadPoolExecutor(WORKERS) as pool:
        submit_and_get(pool)  # warm
        rounds = [measure(pool) for _ in range(options.rounds)]
    medians = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    if options.json:
        print(json.dumps(medians))
        return
    print(f"ThreadPoolExecutor({WORKERS}), medians of {options.rounds} rounds")
    print(f"submit {MANY:,} empty tasks, get all {medians['submit_ns']:12,.0f} ns each")
    print(f"map of {MANY:,} ints                {medians['map_ns']:12,.0f} ns each")
    for name, what in (("idle", "submit to result, idle pool"), ("back_to_back", "the same, back to back")):
        p50, p99 = medians[f"{name}_p50_us"], medians[f"{name}_p99_us"]
        print(f"{what:35}{p50:12.1f} us p50, {p99:.1f} us p99")
    print(f"2 x CPU-bound, of one thread's speed {medians['cpu_speedup']:11.2f} x")


if __name__ == "__main__":
    main()
