# SPDX-License-Identifier: Apache-2.0
# The record of one measurement: its clock and counts, and the outcomes as JSON. The counts are those of lab/meter.hpp.
import os
import re
from math import isfinite
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import monotonic

from fanout_host import meter, stdlib
from fanout_host.task import any_integer, described

_LONGEST_TEXT = 100_000  # characters of one value that are recorded as they are


class Clock:
    """start() just before the model is set up, stop() when the last result is there, count_reaped() after its pool is
    gone if that had processes. Usage is read within the wall time: no processor can have worked longer than that."""

    def __init__(self, traced=False):
        self.traced = traced  # the lab wants to draw this run
        self._lock = {}  # what it wants to know of the interpreter's lock
        self._workers = {}  # as they stood before their first task → what they have used since
        self.more = {}  # what only the model knows of: further keys of the record

    def start(self):
        self.started = self._stopped = monotonic()
        self._before = self._after = _usage()

    def stop(self):
        self._after = _usage()
        self._stopped = monotonic()

    def count_reaped(self):
        """Processes count when they have been waited for."""
        self._after = self._after[0], getrusage(RUSAGE_CHILDREN)

    def read_workers(self, outcomes):
        """While the workers still live: later nobody could tell what they have used."""
        for outcome in outcomes:
            if outcome[-1] is not None and outcome[-1] not in self._workers:
                self._workers[outcome[-1]] = meter.costs_since(outcome[-1])

    def read_gil(self, waits):
        """After read_workers(): how they, threads of this process, have waited for its interpreter's lock; see gil.Waits."""
        self.more["gil"], shares_of = waits.report()
        for (_, thread, *_), costs in self._workers.items():
            costs.update(shares_of(thread))
        if self.traced:
            self._lock = waits.changes()

    def trace(self):
        """The record's "trace": see host_process.hpp."""
        workers = [{"process": process, "thread": thread} for process, thread, *_ in self._workers]
        return {"started_ns": round(1e9 * self.started), "workers": workers, **self._lock}

    def place_of(self, worker):
        """Of a worker, in the record's list."""
        return list(self._workers).index(worker)

    def costs(self):
        def used(field):
            return sum(getattr(after, field) - getattr(before, field) for before, after in zip(self._before, self._after))

        return {
            "wall_s": self._stopped - self.started,
            "cpu_user_s": used("ru_utime"),
            "cpu_sys_s": used("ru_stime"),
            "ctx": {"voluntary": used("ru_nvcsw"), "involuntary": used("ru_nivcsw")},
            "faults": {"minor": used("ru_minflt"), "major": used("ru_majflt")},
            "mem": _peak_memory(),
            "workers": list(self._workers.values()),
            **self.more,
        }


def _usage():
    return getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)


def _peak_memory():
    peak = meter.peak_bytes()
    return {} if peak is None else {"vmhwm_bytes": peak}


def _clean(text):
    """Text that is valid UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _shown(text):
    """A value's text for the record: without addresses, which differ in every run, and of bounded length."""
    text = _clean(re.sub(r" at 0x[0-9a-f]+(?=[>;:,])", " at 0x…", text))
    return _bounded(text)


def _bounded(text):
    if len(text) <= _LONGEST_TEXT:
        return text
    digest = stdlib.module("hashlib").sha256(text.encode()).hexdigest()
    return f"{text[:1000]}… ({len(text)} characters, SHA-256 {digest})"


def _typed(value):
    """(type, value) for JSON, see the contract in host_process.hpp."""
    kind = type(value)
    if value is None:
        return "none", None
    if kind is bool:
        return "bool", value
    if kind is int:
        with any_integer():
            return "int", str(value)
    if kind is float:
        return "float", value if isfinite(value) else str(value)
    if kind is str:
        return "str", _bounded(_clean(value))
    name, text = described(value)
    return name, _shown(text)


def entry(outcome, clock):
    """One element of the record's "tasks"."""
    start, end, kind, payload, worker = outcome
    times = {} if start is None else {"start_s": start - clock.started, "end_s": end - clock.started}
    if worker is not None:
        times["worker"] = clock.place_of(worker)
    if kind == "error":
        error, summary = payload
        return {**times, "ok": False, "error": _clean(error), **({"summary": _clean(summary)} if summary else {})}
    name, value = _typed(payload)
    return {**times, "ok": True, "type": name, "value": value}


def write(descriptor, record):
    """The one line of JSON."""
    rest = memoryview(stdlib.module("json").dumps(record, allow_nan=False).encode() + b"\n")
    while rest:
        rest = rest[os.write(descriptor, rest):]
    os.close(descriptor)
