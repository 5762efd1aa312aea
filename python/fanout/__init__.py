# SPDX-License-Identifier: Apache-2.0
"""fanout from Python: pools with the face of concurrent.futures, and the measurement of which model suits a function.

    with fanout.process_pool(2) as pool:
        print(list(pool.map(f, range(10))))

    fanout.compare(f, (10_000_000,), tasks=2)      # in IPython and Jupyter: %load_ext fanout, then %compare f(10_000_000)
"""

from ._fanout import version as __version__
from ._errors import ComparisonFailed, MemoryLimitExceeded, PoolBroken, RemoteError, TimedOut, WorkerDied
from ._process_pool import process_pool
from ._thread_pool import thread_pool

__all__ = [
    "ComparisonFailed",
    "MemoryLimitExceeded",
    "PoolBroken",
    "RemoteError",
    "TimedOut",
    "WorkerDied",
    "__version__",
    "compare",
    "process_pool",
    "thread_pool",
]


def compare(function, args=(), kwargs=None, *, tasks=2, models=None, workers=None, **options):
    """Runs `tasks` calls of function(*args, **kwargs) under every concurrency model, each time in a fresh process, and says
    which model is best: what the command `fanout compare` does. Progress is shown on stderr.

    The function may be any that cloudpickle can take along, one of a notebook's cells too. An argument that is not a literal
    (a number, a text, a list of such …) is loaded with the function, once for each process: so the tasks of a process share
    it, and to send it is not part of what is measured.

    models: some of "serial", "async", "threads", "processes", as a list or a text with commas. `options` are those of the
    command: rounds=5, budget="30s", reference="serial", min_effect="5%", timeout="60s".

    Returns a Comparison, which shows itself as a table. Raises ComparisonFailed if there is none."""
    from ._compare import compare

    return compare(function, args, kwargs or {}, tasks=tasks, models=models, workers=workers, **options)


def load_ipython_extension(shell):
    """%load_ext fanout"""
    from ._magic import Magics

    shell.register_magics(Magics)
