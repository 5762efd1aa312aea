# SPDX-License-Identifier: Apache-2.0
# The models. Each takes the work and a clock, runs every task, stops the clock when the last result is there, and returns
# the outcomes in the order of the tasks; see task.py for what an outcome is.
import os
import sys

from fanout_host import gil, lines, load, meter, peers, stdlib, subinterpreters, worker
from fanout_host.task import call, call_in_loop, told, untold


def interpreter():
    """sys.executable is empty in a Python that was started by its name alone, without a PATH."""
    return sys.executable or os.readlink("/proc/self/exe")


def serial(work, clock):
    function = work.load()
    outcomes = []
    meter.this_worker()  # it need not take time under the clock
    clock.start()
    for arguments in work.arguments:
        outcomes.append(call(function, arguments))
    clock.stop()
    clock.read_workers(outcomes)
    return outcomes


class Heartbeat:
    """How late the loop is for what is due: a task that computes or blocks keeps it. Its pauses grow with the run, so that
    it costs a run of a second some twenty wake-ups."""

    _SHORTEST = 0.01

    def __init__(self, loop):
        self._loop = loop
        self._began = loop.time()
        self.max_lag = 0.0
        self._beat_in(self._SHORTEST)

    def _beat_in(self, pause):
        self._due = self._loop.time() + pause
        self._timer = self._loop.call_at(self._due, self._beat)

    def _look(self):
        self.max_lag = max(self.max_lag, self._loop.time() - self._due)

    def _beat(self):
        self._look()
        self._beat_in(max(self._SHORTEST, (self._loop.time() - self._began) / 4))

    def stop(self):
        self._timer.cancel()
        self._look()  # the tasks may have ended before the loop came to it


def in_loop(work, clock, loop_factory=None):
    """Everything in one event loop of the main thread."""
    asyncio = stdlib.module("asyncio")
    function = work.load()
    begin_task = lines.tell_coroutines_apart()
    outcomes = [None] * len(work.arguments)

    async def one(number, arguments):
        begin_task(number)
        outcomes[number] = await call_in_loop(function, arguments)

    async def every():
        heart = Heartbeat(asyncio.get_running_loop())
        await asyncio.gather(*[one(number, arguments) for number, arguments in enumerate(work.arguments)])
        clock.stop()
        heart.stop()
        clock.more["loop"] = {"max_lag_s": heart.max_lag}

    clock.start()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(every())
    except BaseException as error:  # SystemExit in something that a task started: asyncio lets it end the loop
        clock.stop()
        reason = told(error)
        outcomes = [outcome or untold(*reason) for outcome in outcomes]
    clock.read_workers(outcomes)
    return outcomes


def in_uvloop(work, clock):
    return in_loop(work, clock, stdlib.module("uvloop").new_event_loop)


def to_thread(work, clock):
    """asyncio.to_thread for each task. The loop's default executor has as many threads as any other pool here."""
    asyncio = stdlib.module("asyncio")
    function = work.load()
    waits = gil.Waits()
    outcomes = []

    def one(arguments):
        waits.begin()
        return call(function, arguments)

    async def every():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(peers.thread_pool_executor(work))
        heart = Heartbeat(loop)
        outcomes.extend(await asyncio.gather(*[asyncio.to_thread(one, arguments) for arguments in work.arguments]))
        clock.stop()
        heart.stop()
        clock.more["loop"] = {"max_lag_s": heart.max_lag}
        clock.read_workers(outcomes)
        clock.read_gil(waits)

    clock.start()
    asyncio.run(every())
    return outcomes


def threads(work, clock):
    """fanout's thread pool; its threads share this interpreter and its lock."""
    import _fanout

    function = work.load()
    outcomes = [None] * len(work.arguments)

    waits = gil.Waits(clock.traced)

    def one(number):
        waits.begin()
        outcomes[number] = call(function, work.arguments[number])

    def finished():
        clock.stop()
        clock.read_workers(outcomes)
        clock.read_gil(waits)

    clock.start()
    _fanout.run_in_threads(one, len(outcomes), work.workers, finished)
    return outcomes


def processes(work, clock, start="forkserver"):
    """fanout's process pool. Its workers are forks of one more interpreter, which imports the user's file; or one each; or
    forks of this one."""
    import _fanout
    from marshal import dumps

    # For forks. Else it is not needed here, but what importing it costs is outside of the clock for every other model.
    work.load()
    program = os.path.join(os.path.dirname(os.path.dirname(__file__)), "worker.py")
    command = [interpreter(), program, dumps((work.source, work.function, work.setup)).hex()]
    if start == "fork":
        worker.serve_forks()
    clock.start()
    outcomes = []
    sent = 0

    def tasks():
        nonlocal sent
        for job in work.jobs():
            task = dumps(job)
            sent += len(task)
            yield task

    def seen(results):
        outcomes.extend(worker.unpacked(result) if isinstance(result, bytes) else untold(result) for result in results)
        clock.stop()  # a result is there when it can be used
        clock.read_workers(outcomes)
        returned = sum(len(result) for result in results if isinstance(result, bytes))
        clock.more["shipped_bytes"] = sent + returned

    _fanout.run_in_processes([os.fsencode(word) for word in command], tasks(), work.workers, seen, start)
    clock.count_reaped()
    return outcomes


def spawned_processes(work, clock):
    return processes(work, clock, "spawn")


def forked_processes(work, clock):
    return processes(work, clock, "fork")


def free_threading(work, clock):
    """Threads of an interpreter without a lock. Python's own pool: fanout's extension does not load in such a one."""
    outcomes = peers.in_thread_pool_executor(work, clock)
    if sys._is_gil_enabled():
        raise RuntimeError("this interpreter's lock (GIL) is on: something that was imported has enabled it")
    return outcomes


BY_NAME = {
    "serial": serial,
    "async": in_loop,
    "async/uvloop": in_uvloop,
    "to_thread": to_thread,
    "threads": threads,
    "processes": processes,
    "processes/spawn": spawned_processes,
    "processes/fork": forked_processes,
    "subinterpreters": subinterpreters.run,
    "free-threading": free_threading,
    **peers.BY_NAME,
}
WITH_EXTENSION = ("threads", "processes", "processes/spawn", "processes/fork")
WITH_METER = (*WITH_EXTENSION, "to_thread", "ThreadPoolExecutor")  # which use the extension if they can

_IMPORTS = {
    "async/uvloop": ("uvloop",),
    "to_thread": ("concurrent.futures.thread",),
    "subinterpreters": ("threading",),
    "free-threading": ("concurrent.futures.thread",),
    **peers.IMPORTS,
}


def import_for(name):
    """What a model needs, before the clock starts, and before the user's folder comes first in sys.path."""
    for needed in _IMPORTS.get(name, ()):
        stdlib.keep(needed)
