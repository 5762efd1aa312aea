# SPDX-License-Identifier: Apache-2.0
# How long threads wait for the interpreter's lock (GIL): what the preloaded libfanout_gil.so counts.
import os
import sys
from _thread import get_native_id

_SHORT = 1e-4  # seconds until a thread that waits asks the holder for the lock, while the meter learns


class Waits:
    """Made before the clock starts; begin() by a worker before each of its tasks; report() when the last has ended, while the
    workers live. Threads are known by their kernel's ids."""

    def __init__(self, watched=False):
        """`watched`: changes() are asked for."""
        self._at_first_task = {}
        self._is_free = not getattr(sys, "_is_gil_enabled", lambda: True)()  # an import of the user's may enable it
        if self._is_free:
            return
        self._meter = sys.modules.get("_fanout")  # models that can do without it have tried to load it
        self._learned = _learned(self._meter) if self._meter else "it takes fanout's extension, which could not be loaded"
        if self._is_known():
            self._at_start = self._meter.gil_waits()
            if watched:
                self._meter.gil_watch()

    def _is_known(self):
        return isinstance(self._learned, bool)

    def begin(self):
        thread = get_native_id()
        if not self._is_free and self._is_known() and thread not in self._at_first_task:
            self._at_first_task[thread] = self._meter.gil_waits_here()

    def changes(self):
        """The record's "gil" and "gil_lost" of its "trace"."""
        if self._is_free or not self._is_known():
            return {}
        changes, lost = self._meter.gil_changes()
        return {"gil": changes, "gil_lost": lost}

    def report(self):
        """The record's "gil", of the whole process; and a function from a worker's thread to what it has waited since its
        first task: further keys of that worker."""
        if self._is_free:
            return _total([], [], "none: this interpreter runs without its lock"), lambda thread: _shares()
        if not self._is_known():
            return {"unavailable": self._learned}, lambda thread: {}
        now = self._meter.gil_waits()
        method = "each wait, in pthread_cond_timedwait and pthread_cond_wait"
        if not self._learned:
            method += " (of a holder: by the layout of CPython's lock)"
        by_thread = {waits[0]: waits for waits in now}
        return (
            _total(self._at_start, now, method),
            lambda thread: _shares(self._at_first_task[thread], by_thread.get(thread)),
        )


def _learned(meter):
    """Whether the meter has seen both kinds of waits, or why it knows of none."""
    folder = os.path.dirname(os.path.dirname(__file__))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SHORT)
    try:
        learned = meter.learn_gil()
    finally:
        sys.setswitchinterval(interval + 5e-7)  # which is cut to whole microseconds
    if isinstance(learned, str) and any(sign in folder for sign in " :$"):
        learned += f"; it could not be, from {folder}: LD_PRELOAD holds no path with a space, a colon, or a dollar sign"
    return learned


def _total(before, after, method):
    def spent(field):
        return sum(waits[field] for waits in after) - sum(waits[field] for waits in before)

    longest = max((waits[5] for waits in after), default=0.0)
    return {"wait_s": spent(1), "switch_s": spent(2), "runq_s": spent(3), "waits": spent(4), "max_wait_s": longest, "method": method}


def _shares(before=(0, 0.0, 0.0, 0.0, 0, 0.0), after=None):
    """Of one worker; `after` is None if it has never waited."""
    waits = after or before
    keys = ("gil_s", "gil_switch_s", "gil_runq_s", "gil_waits")
    return {key: waits[i] - before[i] for i, key in enumerate(keys, start=1)} | {"gil_max_wait_s": waits[5]}
