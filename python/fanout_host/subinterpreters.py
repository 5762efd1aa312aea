# SPDX-License-Identifier: Apache-2.0
# The model subinterpreters: threads that have an interpreter each, with a lock of its own (Python 3.12 and later). What an
# interpreter does is what a worker process does: it imports the user's file, and takes and gives bytes.
import os
from marshal import dumps

from fanout_host import stdlib, worker
from fanout_host.task import told, untold

_FOLDER = os.path.dirname(os.path.dirname(__file__))
_BEGIN = f"""
import os, sys
sys.path.insert(0, {_FOLDER!r})
from fanout_host import end, worker
worker.prepare()
"""
_RUN = "os.pwrite(answers, worker.run(job), 0)"
_FINISH = "end.finish_interpreter()"


def _api():
    """The module that makes them; its public face came with 3.14."""
    try:
        import _interpreters
    except ImportError:
        import _xxsubinterpreters as _interpreters  # 3.12
    return _interpreters


class Interpreter:
    """One thread alone uses it."""

    def __init__(self, api):
        self._api = api
        self._interpreter = api.create()
        self._answers = os.memfd_create("answers")
        self._execute(_BEGIN, {"answers": self._answers})

    def _execute(self, code, shared):
        failed = self._api.run_string(self._interpreter, code, shared)
        if failed is not None:  # 3.12 raises it
            raise RuntimeError(getattr(failed, "errdisplay", None) or str(failed))

    def run(self, job):
        """The outcome of a task."""
        try:
            os.ftruncate(self._answers, 0)
            self._execute(_RUN, {"job": dumps(job)})
            size = os.fstat(self._answers).st_size
            return worker.unpacked(os.pread(self._answers, size, 0))
        except Exception as error:
            return untold(*told(error))

    def finish(self):
        """What exit functions and buffers of its own have. It is not taken down: that waits for threads that tasks left, and
        the process ends soon."""
        self._execute(_FINISH, {})


class Workers:
    """Threads that end with their interpreters when they are let go: until then others may look at what they have used."""

    def __init__(self, count, jobs):
        threading = stdlib.module("threading")
        self._api = _api()
        self._jobs = iter(list(enumerate(jobs)))
        self._ended, self._let_go = threading.Barrier(count + 1), threading.Barrier(count + 1)
        self._threads = [threading.Thread(target=self._work) for _ in range(count)]
        self.outcomes = [None] * len(jobs)

    def _work(self):
        interpreter = None
        try:
            interpreter = Interpreter(self._api)
            for number, job in self._jobs:
                self.outcomes[number] = interpreter.run(job)
        except Exception as error:
            self._failed = told(error)
        self._ended.wait()
        self._let_go.wait()
        if interpreter:
            interpreter.finish()

    def run(self):
        for thread in self._threads:
            thread.start()
        self._ended.wait()
        self.outcomes = [outcome or untold(*self._failed) for outcome in self.outcomes]

    def let_go(self):
        self._let_go.wait()
        for thread in self._threads:
            thread.join()


def run(work, clock):
    work.load()  # not needed here, but what importing it costs is outside of the clock for every other model
    workers = Workers(min(work.workers, len(work.arguments)), work.jobs())
    clock.start()
    workers.run()
    clock.stop()
    clock.read_workers(workers.outcomes)
    workers.let_go()
    return workers.outcomes


def problem(source, function, setup):
    """Why the user's function cannot be had in such an interpreter, or None. Called in a process that is thrown away."""
    code = f"""
from fanout_host import load
from fanout_host.task import told
load.enter({source!r})
try:
    load.function({source!r}, {function!r}, {setup!r})
except BaseException as error:
    os.pwrite(answers, (told(error)[1]).encode("utf-8", "backslashreplace"), 0)
"""
    tried = Interpreter(_api())
    tried._execute(code, {})
    return os.pread(tried._answers, 1 << 16, 0).decode() or None
