# SPDX-License-Identifier: Apache-2.0
# The pool of processes: concurrent.futures' Executor over fanout's own pool.
#
# Who collects what workers have answered? A thread that asks for a result does so itself, where a thread in between would
# have to wake it. Only when somebody is to be told without asking (a callback, concurrent.futures.wait, asyncio), or two
# threads ask at once, a thread of the pool's collects, from then on.
import atexit
import marshal
import os
import sys
import threading
import weakref
from concurrent.futures import CancelledError, Executor
from concurrent.futures import Future as StandardFuture
from concurrent.futures._base import CANCELLED_AND_NOTIFIED, FINISHED, PENDING
from itertools import chain, islice
from time import monotonic

from . import _fanout, _wire
from ._closing import started
from ._errors import MemoryLimitExceeded, PoolBroken, RemoteError, RemoteTraceback, TimedOut, WorkerDied
from ._worker_command import worker_command

_CLOSED = "cannot schedule new futures after shutdown"
_SLICE = 0.05  # seconds for which a thread blocks at most before it looks for signals
_FAILED_IN_POOL = -1  # the kind of what has no answer

_open_pools = weakref.WeakSet()
_generations = 0  # 2 while a pool is made whose workers are forks of this process: what is forked now, and then the workers


# Guards the states of all futures: of several pools too, for concurrent.futures.wait() takes it once for each. Here it is taken
# itself, never by the Condition, whose __enter__ a signal handler that raises may leave with the lock taken.
_lock = threading.RLock()
_changed = threading.Condition(_lock)


def _forked():
    """In a child made by fork: the pools are its parent's, and of a pool's worker what is to run at the exit is, too."""
    global _generations, _lock, _changed
    _lock = threading.RLock()
    _changed = threading.Condition(_lock)
    _open_pools.clear()
    if _generations:
        _generations -= 1
        atexit._clear()


@atexit.register
def _close_all():
    """As concurrent.futures does: what was submitted is run. But Ctrl-C ends it, as it ends workers that belong to the
    terminal's foreground."""
    interrupted = getattr(sys, "last_type", None) is KeyboardInterrupt and not hasattr(sys, "ps1")
    for pool in list(_open_pools):
        pool._close(kills=interrupted)
        if pool._closer is not None:
            pool._closer.join()


os.register_at_fork(after_in_child=_forked)


class _Waiter:
    """Of a thread that waits for one future, in the form that concurrent.futures tells its waiters."""

    def __init__(self):
        self._told = threading.Lock()
        self._told.acquire()

    def wait(self, timeout):
        return self._told.acquire(timeout=-1 if timeout is None else max(0, timeout))

    def add_result(self, future):
        self._told.release()

    add_exception = add_cancelled = add_result


class Future(StandardFuture):
    """Of a process pool. A future is not counted as running: until it is done it is not known where its task is."""

    # Of the object itself is what differs from this: thousands of them are made and gone within a map.
    _state = PENDING
    _result = _exception = None
    _waiters = _done_callbacks = ()

    def __init__(self, pool):
        self._pool = pool

    @property
    def _condition(self):
        """Whoever takes it wants to be told: wait(), as_completed(), add_done_callback()."""
        self._pool._serve()
        self._expect_waiters()
        return _changed

    def _expect_waiters(self):
        if self._waiters == ():
            with _lock:
                if self._waiters == ():
                    self._waiters, self._done_callbacks = [], []

    def done(self):
        if self._state == PENDING:
            self._pool._look()
        return self._state != PENDING

    def running(self):
        return False

    def cancelled(self):
        return self._state == CANCELLED_AND_NOTIFIED

    def cancel(self):
        """True: the task will not run."""
        pool = self._pool
        with _lock:
            if self._state != PENDING:
                return self._state == CANCELLED_AND_NOTIFIED
            if not pool._core.cancel(self, False):
                return False
            self._end_cancelled()
        self._invoke_callbacks()
        return True

    def _end_cancelled(self):
        self._state = CANCELLED_AND_NOTIFIED
        for waiter in self._waiters:
            waiter.add_cancelled(self)

    def _tell_waiters(self):
        for waiter in self._waiters:
            waiter.add_result(self) if self._exception is None else waiter.add_exception(self)

    def result(self, timeout=None):
        self._wait(timeout)
        if self._exception is not None:
            try:
                raise self._exception
            finally:
                self = None  # of the traceback's frame: no cycle with the exception
        return self._result

    def exception(self, timeout=None):
        self._wait(timeout)
        return self._exception

    def _wait(self, timeout):
        if self._state == PENDING:
            self._pool._wait_for(self, timeout)
            if self._state == PENDING:
                raise TimeoutError
        if self._state == CANCELLED_AND_NOTIFIED:
            raise CancelledError


def _core_of_forks(initializer, shared, *options):
    """Of a pool whose workers are forks of this process, with `shared` in its __main__."""
    global _generations
    _wire.flush(sys.stdout, sys.stderr)  # or they would print again what is in there
    before = _wire.shared_with_program  # this process may be a worker itself
    _generations, _wire.shared_with_program = 2, shared
    try:
        _fanout.serve_forks(_wire.run, _wire.leave, initializer and (lambda: _wire.initialize(*initializer)))
        return _fanout.process_pool([], *options)
    finally:
        _fanout.serve_forks(_wire.run, _wire.leave)  # the initializer is theirs alone
        _generations, _wire.shared_with_program = 0, before


def _failure(reason):
    name, text, signal, exit_code, pid = reason
    text = text.replace("process_pool_options::", "").replace("fanout::", "fanout.")
    if name == "worker_died":
        return WorkerDied(text, signal, exit_code, pid)
    return _FAILURES.get(name, RuntimeError)(text)


_FAILURES = {"timed_out": TimedOut, "memory_limit_exceeded": MemoryLimitExceeded, "pool_broken": PoolBroken}


def _remote(data, text):
    """What a task has raised, with its traceback as its cause."""
    try:
        error = _wire.loads(data)
    except Exception:  # its type is there in the worker alone
        error = None
    if isinstance(error, tuple):
        error = RemoteError(*error)
    elif not isinstance(error, BaseException):
        error = RemoteError(*_wire.named_in(text))
    error.__cause__ = RemoteTraceback(text)
    return error


def _chunks(items, workers, chunksize):
    """The items, in lists: of that size, or of a quarter of what a worker's share of the rest is, so that all end together."""
    if chunksize == 1:
        yield from map(list, zip(items))
        return
    if chunksize is not None:
        source = iter(items)
        while chunk := list(islice(source, chunksize)):
            yield chunk
        return
    begin = 0
    while begin < len(items):
        size = min(max(1, (len(items) - begin) // (4 * workers)), _MOST_IN_CHUNK)
        yield items[begin : begin + size]
        begin += size


_MOST_IN_CHUNK = 2000  # what is done by then shows, and what a worker's death takes along has an end


_MOST = 2**32 - 1  # of a count


def _check_limit(name, limit, unit, most=None):
    if limit is not None and not (limit > 0 and (most is None or limit <= most)):
        end = "" if most is None else f" and at most {most}"
        raise ValueError(f"{name} is a number of {unit} above 0{end}, or None, not {limit!r}")


class process_pool(Executor):
    """Processes that run functions: `workers` of them, or as many as there are CPUs for this process.

    Functions and arguments are pickled; what is defined in __main__, the REPL or a notebook's cell goes by value. A worker
    that is killed takes along its task alone, which raises WorkerDied. What is submitted is run, also when nobody asks for
    it, before the program ends.

    `start` says what workers are forks of: one more interpreter, which runs nothing but what tasks bring along ("forkserver"),
    or this program as it is now, which must have no other threads ("fork").

    initializer(*initargs) is called in each worker before its first task.
    task_timeout: a task that runs for more seconds than that is ended with its worker, and raises TimedOut.
    retries: a task whose worker died is run again, so often at most, before it raises WorkerDied.
    memory_limit: a worker with more bytes resident is ended, and its task raises MemoryLimitExceeded.
    max_tasks_per_worker: a worker that has run so many is replaced by a new one.
    Of a map, a chunk is a task; with a task_timeout and without a chunksize, each item is."""

    def __init__(
        self,
        workers=None,
        *,
        start="forkserver",
        initializer=None,
        initargs=(),
        task_timeout=None,
        retries=0,
        memory_limit=None,
        max_tasks_per_worker=None,
    ):
        _check_limit("workers", workers, "processes", _MOST)
        if start not in ("forkserver", "fork"):
            raise ValueError(f"start is 'forkserver' or 'fork', not {start!r}")
        if initializer is not None and not callable(initializer):
            raise TypeError(f"the initializer is something to call, not {initializer!r}")
        _check_limit("task_timeout", task_timeout, "seconds")
        _check_limit("memory_limit", memory_limit, "bytes")
        _check_limit("max_tasks_per_worker", max_tasks_per_worker, "tasks", _MOST)
        if not 0 <= retries <= _MOST:
            raise ValueError(f"retries is 0 or more, not {retries}")
        first = None if initializer is None else (initializer, tuple(initargs))
        limits = task_timeout or 0, retries, memory_limit or 0, max_tasks_per_worker or 0
        options = workers or 0, start, first is not None, *limits
        if start == "fork":
            self._shared = _wire.functions_and_classes(sys.modules["__main__"])
            self._core = _core_of_forks(first, self._shared, *options)
        else:
            self._shared = None
            command, file = worker_command(first and _wire.pickled_alone(first))
            self._core = _fanout.process_pool(command, *options)
            self._command_file = file  # after the core, and so dropped after it
        self._single_items = task_timeout is not None
        self._ended = []  # what was collected, and its futures do not have yet: an interruption may come in between
        self._collecting = threading.RLock()  # held by who collects
        self._collector = self._closer = None  # threads
        self._is_closed = False
        _open_pools.add(self)

    @property
    def workers(self):
        return self._core.workers()

    def submit(self, function, /, *args, **kwargs):
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        kind, code = _wire.encode_function(function, self._shared)
        future = Future(self)
        if not kwargs:
            pickled, data, buffers = _wire.encode(args, self._shared)
            kind |= pickled
        else:
            data, buffers = _wire.pickled((_wire.beside(args), kwargs), self._shared)
            kind |= _wire.PICKLED | _wire.NAMED
        self._core.submit(future, kind, code, data, buffers)
        return future

    def map(self, function, *iterables, timeout=None, chunksize=None):
        """The results in the order of the inputs, as they come. The inputs are sent in chunks, whose size is chosen if it is not
        given; an exception, or the death of a worker, ends the iteration."""
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        if chunksize is not None and chunksize < 1:
            raise ValueError("chunksize must be 1 or more")
        deadline = None if timeout is None else monotonic() + timeout
        once, code = _wire.encode_function(function, self._shared)
        kind = once | _wire.EACH | (_wire.UNPACKED if len(iterables) > 1 else 0)
        items = iterables[0] if len(iterables) == 1 else zip(*iterables)
        if chunksize is None and self._single_items:
            chunksize = 1
        if chunksize is None:
            items = items if type(items) in (list, range, tuple) else list(items)
        futures = []
        try:
            for chunk in _chunks(items, self.workers, chunksize):
                pickled, data, buffers = _wire.encode(chunk if type(chunk) is list else list(chunk), self._shared)
                futures.append(future := Future(self))
                self._core.submit(future, kind | pickled, code, data, buffers)
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return chain.from_iterable(_results(futures, deadline))

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more tasks; waits until all have ended and the workers are gone, or has that done by a thread."""
        self._is_closed = True
        if cancel_futures:
            for future in self._core.pending():
                future.cancel()
        if not wait and self._closer is None:
            self._closer = started(self._close, "fanout-shutdown")
        elif wait:
            self._close()
            if self._closer is not None:
                self._closer.join()

    def __exit__(self, kind, *_):
        if kind is KeyboardInterrupt:
            self._is_closed = True
            self._close(kills=True)
        else:
            self.shutdown()

    def _close(self, kills=False):
        for future in () if kills else self._core.pending():
            self._wait_for(future, None)
        self._core.close(kills)
        self._command_file = None
        collector = self._collector
        if collector is not None and collector is not threading.current_thread() and not self._collecting._is_owned():
            collector.join()  # else this is called back, and the collector ends after that
        self._look()
        _open_pools.discard(self)

    def _serve(self):
        """From now on a thread collects, if that does not go on yet."""
        if self._collector is not None:
            return
        with _lock:
            if self._collector is None:
                self._collector = started(self._collect_all, "fanout-results")

    def _collect_all(self):
        found = True
        with self._collecting:
            while found is not None:
                try:
                    self._end()  # first what an interrupted thread has left
                except BaseException:  # of a callback: no signal handler runs in this thread
                    continue
                found = self._core.collect(-1.0, self._ended)

    def _look(self):
        """Collects what there is, if nobody else does."""
        if self._collecting.acquire(blocking=False):
            try:
                self._core.collect(0.0, self._ended)
                self._end()
            finally:
                self._collecting.release()

    def _wait_for(self, future, timeout):
        """Until it is done, or the time is over."""
        deadline = None if timeout is None else monotonic() + timeout
        if self._collecting.acquire(blocking=False):
            try:
                self._end()  # what an interrupted thread has left
                while future._state == PENDING:
                    left = _SLICE if deadline is None else min(_SLICE, deadline - monotonic())
                    found = self._core.collect(max(0.0, left), self._ended)
                    if found:
                        self._end()
                    elif found is None or left <= 0:
                        return
            finally:
                self._collecting.release()
            return
        self._serve()
        waiter = _Waiter()
        future._expect_waiters()
        with _lock:
            if future._state != PENDING:
                return
            future._waiters.append(waiter)
        if not waiter.wait(timeout):
            with _lock:
                if waiter in future._waiters:
                    future._waiters.remove(waiter)

    def _end(self):
        """Gives futures what has been collected for them. Whoever is interrupted meanwhile leaves all that to the next: to do it
        once more changes nothing."""
        ended = self._ended
        if not ended:
            return
        for future, kind, data, buffers in ended:
            if future._state == PENDING:  # else it was cancelled, and has said so
                try:
                    _load(future, kind, data, buffers)
                except BaseException as error:
                    _load_again(error, future, kind, data, buffers)
        told = []
        with _lock:
            for future, _, _, _ in ended:
                if future._state == PENDING:
                    future._state = FINISHED
                    if future._waiters:
                        future._tell_waiters()
                    if future._done_callbacks:
                        told.append(future)
            ended.clear()
        for future in told:
            future._invoke_callbacks()


def _load_again(error, *entry):
    """If the value itself raises, it does so again, and that is its task's error; else it was a signal handler that raised."""
    try:
        _load(*entry)
    except BaseException as its_own:
        entry[0]._exception = its_own
    else:
        raise error


def _load(future, kind, data, buffers):
    if kind == 0:
        future._result = marshal.loads(data)
    elif kind == _FAILED_IN_POOL:
        future._exception = _failure(data)
    elif kind & _wire.FAILED:
        *values, error, text = _wire.decode(kind, data, buffers)
        future._result = values[0] if values else None
        future._exception = _remote(error, text)
    else:
        future._result = _wire.decode(kind, data, buffers)


def _results(futures, deadline):
    """For each the list of its results."""
    futures.reverse()
    try:
        while futures:
            future = futures.pop()
            if future._state != FINISHED or future._exception is not None:
                error = future.exception(None if deadline is None else deadline - monotonic())
                if error is not None:
                    if future._result:
                        yield future._result  # of the items before
                    raise error
            yield future._result
    finally:
        for future in futures:
            future.cancel()
