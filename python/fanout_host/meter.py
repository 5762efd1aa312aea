# SPDX-License-Identifier: Apache-2.0
# Where the time of a worker goes, as lab/worker_meter.hpp measures it: a thread or process that runs tasks notes where it
# stands before its first, and what became of it since is read from outside, when the clock has stopped and it still lives.
# Workers import this: nothing here may import what the interpreter has not loaded at its start.
import os
import time
from _thread import get_native_id

_SCHEDULER, _PER_THREAD = 2, 4  # of the numbers of CPU clocks: <linux/posix-timers.h>

_starts = {}  # of the threads of this process


def this_worker():
    """(process, thread, CPU time of either, run-queue delay in ns, how often it slept) before the thread's first task."""
    thread = get_native_id()
    start = _starts.get(thread)
    if start is None:
        start = _starts[thread] = _stand(thread)
    return start


def forget():
    """In a process that was forked: whoever stood there does not exist here."""
    _starts.clear()


def _stand(thread):
    process = os.getpid()
    folder = _folder(process, thread)
    return process, thread, time.thread_time_ns(), time.process_time_ns(), _run_delay(folder), _switches(folder)


def _folder(process, thread):
    return f"/proc/{process}/task/{thread}"


def _contents(path):
    """By descriptor: a file object has a lock, and a task on another thread that forks meanwhile leaves it locked in its
    child, which closes all open files at its end."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, 1 << 16)  # all of it: what /proc tells of one thread is less
    except OSError:
        return b""
    finally:
        os.close(file)


def _run_delay(folder):
    numbers = _contents(f"{folder}/schedstat").split()
    return int(numbers[1]) if len(numbers) == 3 else None


def _number(text, key):
    _, found, rest = text.partition(key)
    return int(rest.split(None, 1)[0]) if found else None


def _switches(folder):
    return _number(_contents(f"{folder}/status"), b"\nvoluntary_ctxt_switches:")


def peak_bytes(process="self"):
    """VmHWM; None if /proc does not tell."""
    kib = _number(_contents(f"/proc/{process}/status"), b"\nVmHWM:")
    return None if kib is None else kib * 1024


def costs_since(start):
    """What the worker has used since; {} if it has ended."""
    process, thread, thread_cpu, process_cpu, delay, switches = start
    ours = process == os.getpid()
    folder = _folder(process, thread)
    clock = (~thread << 3) | _SCHEDULER | _PER_THREAD if ours else (~process << 3) | _SCHEDULER
    try:
        cpu = time.clock_gettime_ns(clock)
    except OSError:
        return {}
    slept = _switches(folder)
    if slept is None or switches is None:
        return {}
    costs = {"cpu_s": 1e-9 * (cpu - (thread_cpu if ours else process_cpu)), "voluntary": slept - switches}
    waited = _run_delay(folder)
    if waited is not None and delay is not None:
        costs["runq_s"] = 1e-9 * (waited - delay)
    if not ours:
        costs["pid"] = process
        peak = peak_bytes(process)
        if peak is not None:
            costs["vmhwm_bytes"] = peak
    return costs
