# SPDX-License-Identifier: Apache-2.0
# What the tests of process pools run: workers import this, so it imports little.
import os
import signal
import sys
import threading


def square(x):
    return x * x


def add(a, b=0):
    return a + b


def fail_at(bad, x):
    if x == bad:
        raise ValueError(f"not {x}")
    return x


def kill_worker(_=None):
    os.kill(os.getpid(), signal.SIGKILL)


def exit_worker(code):
    os._exit(code)


def crash_worker():
    import ctypes

    ctypes.string_at(0)


def wait_for_writer(path):
    """Begins when somebody opens the fifo to write, and ends when they close it."""
    with open(path) as fifo:
        return fifo.read()


class RaisesWhenLoaded:
    def __init__(self, kind):
        self.kind = kind

    def __reduce__(self):
        return throw, (self.kind,)


def throw(kind):
    raise kind


def close_stdout():
    sys.stdout.close()
    return "closed"


def add_only_here():
    """A module that only the worker has, and an exception of it."""
    import types

    module = sys.modules["only_here"] = types.ModuleType("only_here")
    exec("class Odd(Exception): pass", module.__dict__)
    raise module.Odd("it is odd")


def never_end():
    while True:
        signal.pause()


def wait_if(told):
    if told:
        never_end()


def allocate(size):
    kept = bytearray(b"x") * size
    never_end()
    return kept


def fail_until_marked(folder, wanted):
    """Kills its worker until so many have been there; how many there were."""
    marks = len(os.listdir(folder))
    if marks < wanted:
        open(os.path.join(folder, str(marks)), "x").close()
        kill_worker()
    return marks


def fail_initializer():
    raise RuntimeError("no licence for this machine")


def process_id(_=None):
    return os.getpid()


def echo(value):
    return value


def stop_iteration(x):
    raise StopIteration


class TwoArguments(Exception):
    """Pickle can write it, but not read it."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def raise_two_arguments():
    raise TwoArguments(1, 2)


def raise_unpicklable():
    error = ValueError("with a lock")
    error.lock = threading.Lock()
    raise error


def make_lock():
    return threading.Lock()


class Counter:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.calls


_kept = []


def keep(array):
    _kept.append(array)


def kept_value():
    return _kept[0]
