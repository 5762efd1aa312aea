# SPDX-License-Identifier: Apache-2.0
# What pools.py runs: a module of its own, so that every library finds them by name, and workers import little.
import os
import time

WORKERS = 2


def square(x):
    return x * x


def size_of(data):
    return len(data)


def echo(data):
    return data


def compute(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


kept = []


def move_heap():
    """What is allocated from now on lies somewhere else in each worker and each pool: a loop over integers is up to a tenth faster
    or slower by that."""
    kept.extend(range(1_000_000, 1_000_000 + int.from_bytes(os.urandom(2), "little") % 4000))


def meet(path):
    """Stays in its worker until the other is there too."""
    move_heap()
    with open(path, "a") as file:
        file.write("x")
    while os.path.getsize(path) < WORKERS:
        time.sleep(0.0001)
    return os.getpid()
