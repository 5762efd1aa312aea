# SPDX-License-Identifier: Apache-2.0
# The models. Each takes the work and a clock, runs every task, stops the clock when the last result is there, and returns
# the outcomes in the order of the tasks; see task.py for what an outcome is.
import os
import sys

from fanout_host import gil, lines, load, meter, stdlib
from fanout_host.task import call, call_in_loop, told, untold


def interpreter():
    """sys.executable is empty in a Python that was started by its name alone, without a PATH."""
    return sys.executable or os.readlink("/proc/self/exe")


def serial(work, clock):
    function = load.function(work.file, work.function)
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


def in_loop(work, clock):
    """Everything in one event loop of the main thread."""
    asyncio = stdlib.module("asyncio")
    function = load.function(work.file, work.function)
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
        asyncio.run(every())
    except BaseException as error:  # SystemExit in something that a task started: asyncio lets it end the loop
        clock.stop()
        reason = told(error)
        outcomes = [outcome or untold(*reason) for outcome in outcomes]
    clock.read_workers(outcomes)
    return outcomes


def threads(work, clock):
    """fanout's thread pool; its threads share this interpreter and its lock."""
    import _fanout

    function = load.function(work.file, work.function)
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


def processes(work, clock):
    """fanout's process pool; its workers, forks of one more interpreter, import the user's file, once each."""
    import _fanout
    from marshal import dumps, loads

    load.module(work.file)  # not needed here, but what importing it costs is outside of the clock for every other model
    command = [interpreter(), os.path.join(os.path.dirname(os.path.dirname(__file__)), "worker.py")]
    clock.start()
    tasks = [dumps((work.file, work.function, arguments)) for arguments in work.arguments]
    outcomes = []

    def seen(results):
        outcomes.extend(loads(result) if isinstance(result, bytes) else untold(result) for result in results)
        clock.read_workers(outcomes)
        returned = sum(len(result) for result in results if isinstance(result, bytes))
        clock.more["shipped_bytes"] = sum(map(len, tasks)) + returned

    _fanout.run_in_processes([os.fsencode(word) for word in command], tasks, work.workers, clock.stop, seen)
    clock.count_reaped()
    return outcomes


BY_NAME = {"serial": serial, "async": in_loop, "threads": threads, "processes": processes}
WITH_EXTENSION = ("threads", "processes")
