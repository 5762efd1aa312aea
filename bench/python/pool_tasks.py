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


def meet(path):
    """Stays in its worker until the other is there too."""
    with open(path, "a") as file:
        file.write("x")
    while os.path.getsize(path) < WORKERS:
        time.sleep(0.0001)
    return os.getpid()
