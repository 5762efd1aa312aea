# SPDX-License-Identifier: Apache-2.0
# What else runs functions at the same time in Python: the standard library's own pools and loop, and joblib. They are models
# like ours, metered alike, and used as their documentation shows. What they are is imported by models.import_for().
import os
import sys

from fanout_host import gil, stdlib, worker
from fanout_host.task import call, call_in_loop, told, untold

_FOLDER = os.path.dirname(os.path.dirname(__file__))


def gathered(work, clock):
    """asyncio.gather."""
    asyncio = stdlib.module("asyncio")
    function = work.load()

    async def every():
        outcomes = await asyncio.gather(*[call_in_loop(function, arguments) for arguments in work.arguments])
        clock.stop()
        clock.read_workers(outcomes)
        return outcomes

    clock.start()
    return asyncio.run(every())


def thread_pool_executor(work):
    return stdlib.module("concurrent.futures.thread").ThreadPoolExecutor(work.workers)


def in_thread_pool_executor(work, clock):
    function = work.load()
    waits = gil.Waits()

    def one(arguments):
        waits.begin()
        return call(function, arguments)

    clock.start()
    with thread_pool_executor(work) as pool:
        outcomes = list(pool.map(one, work.arguments))
        clock.stop()
        clock.read_workers(outcomes)
        clock.read_gil(waits)
    return outcomes


def run_job(job):
    """In a worker process of theirs."""
    return worker.outcome_of(*job)


def _let_workers_find_us():
    """Those that are not forks have a copy of sys.path, which begins with the user's folder by now."""
    sys.path.append(_FOLDER)


def in_process_pool_executor(work, clock):
    work.load()  # as in any program with such a pool, whose workers may be forks of it
    _let_workers_find_us()
    pools = stdlib.module("concurrent.futures.process")
    outcomes = []
    clock.start()
    with pools.ProcessPoolExecutor(work.workers) as pool:
        for future in [pool.submit(run_job, job) for job in work.jobs()]:
            try:
                outcomes.append(future.result())
            except Exception as error:  # a worker has died, and with it the pool; or what it returned cannot travel
                outcomes.append(untold(*told(error)))
        clock.stop()
        clock.read_workers(outcomes)
    clock.count_reaped()
    return outcomes


def in_multiprocessing_pool(work, clock):
    work.load()
    _let_workers_find_us()
    clock.start()
    with stdlib.module("multiprocessing").Pool(work.workers) as pool:
        outcomes = _patiently(pool, pool.map_async(run_job, work.jobs()), len(work.arguments))
        clock.stop()
        clock.read_workers(outcomes)
        pool.terminate()
        pool.join()
    clock.count_reaped()
    return outcomes


def _patiently(pool, results, tasks):
    """This pool replaces a worker that dies, but waits forever for the task it had."""
    begun_with = list(pool._pool)
    while True:
        results.wait(1)
        if results.ready():
            break
        for one in begun_with:
            if one.exitcode not in (None, 0):
                lost = f"a worker of multiprocessing.Pool died ({_in_words(one.exitcode)}): the pool waits for its task forever"
                return [untold(lost)] * tasks
    try:
        return results.get()
    except Exception as error:  # what a task returned cannot travel
        return [untold(*told(error))] * tasks


def _in_words(exitcode):
    if exitcode > 0:
        return f"exit code {exitcode}"
    from signal import Signals

    return Signals(-exitcode).name


def in_joblib(work, clock):
    """With what it uses if it is not told: processes of loky's."""
    work.load()
    _let_workers_find_us()
    joblib = stdlib.module("joblib")
    clock.start()
    try:
        outcomes = joblib.Parallel(n_jobs=work.workers)(joblib.delayed(run_job)(job) for job in work.jobs())
    except Exception as error:  # a worker has died
        outcomes = [untold(*told(error))] * len(work.arguments)
    clock.stop()
    clock.read_workers(outcomes)
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True)
    clock.count_reaped()
    return outcomes


BY_NAME = {
    "asyncio.gather": gathered,
    "ThreadPoolExecutor": in_thread_pool_executor,
    "multiprocessing.Pool": in_multiprocessing_pool,
    "ProcessPoolExecutor": in_process_pool_executor,
    "joblib": in_joblib,
}
IMPORTS = {
    "ThreadPoolExecutor": ("concurrent.futures.thread",),
    "multiprocessing.Pool": ("multiprocessing", "multiprocessing.pool"),
    "ProcessPoolExecutor": ("concurrent.futures.process",),
    "joblib": ("joblib", "joblib.externals.loky"),
}
