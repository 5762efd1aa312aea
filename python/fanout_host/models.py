# SPDX-License-Identifier: Apache-2.0
# The models. Each takes the work and a clock, runs every task, stops the clock when the last result is there, and returns
# the outcomes in the order of the tasks; see task.py for what an outcome is.
import os
import sys

from fanout_host import gil, lines, load, stdlib
from fanout_host.task import call, call_in_loop, told, untold


def interpreter():
    """sys.executable is empty in a Python that was started by its name alone, without a PATH."""
    return sys.executable or os.readlink("/proc/self/exe")


def serial(work, clock):
    function = load.function(work.file, work.function)
    outcomes = []
    clock.start()
    for arguments in work.arguments:
        outcomes.append(call(function, arguments))
    clock.stop()
    return outcomes


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
        await asyncio.gather(*[one(number, arguments) for number, arguments in enumerate(work.arguments)])
        clock.stop()

    clock.start()
    try:
        asyncio.run(every())
    except BaseException as error:  # SystemExit in something that a task started: asyncio lets it end the loop
        clock.stop()
        reason = told(error)
        outcomes = [outcome or untold(*reason) for outcome in outcomes]
    return outcomes


def threads(work, clock):
    """fanout's thread pool; its threads share this interpreter and its lock."""
    import _fanout

    function = load.function(work.file, work.function)
    outcomes = [None] * len(work.arguments)

    waits = gil.Waits()
    workers = [None] * len(outcomes)

    def one(number):
        workers[number] = waits.begin()
        outcomes[number] = call(function, work.arguments[number])

    def finished():
        clock.stop()
        clock.more.update(waits.report(dict.fromkeys(workers)))

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
    results = _fanout.run_in_processes([os.fsencode(word) for word in command], tasks, work.workers, clock.stop)
    clock.count_reaped()
    return [loads(result) if isinstance(result, bytes) else untold(result) for result in results]


BY_NAME = {"serial": serial, "async": in_loop, "threads": threads, "processes": processes}
WITH_EXTENSION = ("threads", "processes")
