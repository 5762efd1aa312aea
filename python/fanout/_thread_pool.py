# SPDX-License-Identifier: Apache-2.0
# The pool of threads: concurrent.futures' Executor over fanout's own pool.
import atexit
import os
import threading
from concurrent.futures import Executor
from concurrent.futures import Future as StandardFuture
from functools import partial

from . import _fanout
from ._closing import started

_CLOSED = "cannot schedule new futures after shutdown"


class thread_pool(Executor):
    """Threads that run functions: `workers` of them, or as many as there are CPUs for this process. They share this
    interpreter, and its lock."""

    def __init__(self, workers=None):
        if workers is not None and workers < 1:
            raise ValueError("a pool has one worker or more")
        self._core = _fanout.thread_pool(workers or 0)
        self._lock = threading.Lock()
        self._waiting = set()
        self._closer = None
        self._is_closed = False
        _open.add(self)

    @property
    def workers(self):
        return self._core.workers()

    def submit(self, function, /, *args, **kwargs):
        future = StandardFuture()
        with self._lock:
            if self._is_closed:
                raise RuntimeError(_CLOSED)
            self._waiting.add(future)
            self._core.post(partial(self._run, future, function, args, kwargs))
        return future

    def _run(self, future, function, args, kwargs):
        self._waiting.discard(future)
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            future.set_exception(error)
            self = future = None  # of the traceback's frame: no cycle with the exception
        else:
            future.set_result(result)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more tasks; waits until all have ended, or has that done by a thread."""
        with self._lock:
            self._is_closed = True
            waiting = list(self._waiting) if cancel_futures else ()
        for future in waiting:
            future.cancel()
        if not wait and self._closer is None:
            self._closer = started(self._close, "fanout-shutdown")
        elif wait:
            self._close()
            if self._closer is not None:
                self._closer.join()

    def _close(self):
        self._core.close()
        _open.discard(self)


_open = set()  # not weak: the last reference may be a task's, whose thread cannot wait for itself


@atexit.register
def _close_threads():
    for pool in list(_open):
        pool.shutdown()


os.register_at_fork(after_in_child=_open.clear)  # the pools are the parent's
