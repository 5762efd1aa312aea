# SPDX-License-Identifier: Apache-2.0
# What the package raises besides what tasks raise.
from concurrent.futures import BrokenExecutor


class WorkerDied(RuntimeError):
    """The worker process ended while it ran the task. Only that task fails (of a map: the items of its chunk)."""

    def __init__(self, message, signal=0, exit_code=0, pid=0):
        super().__init__(message)
        self.signal = signal  # that ended it; 0: it exited
        self.exit_code = exit_code
        self.pid = pid

    def __reduce__(self):
        return type(self), (str(self), self.signal, self.exit_code, self.pid)


class TimedOut(TimeoutError):
    """The task ran for longer than the pool's task_timeout, and was ended with its worker."""


class MemoryLimitExceeded(MemoryError):
    """The task's worker had more memory than the pool's memory_limit, and was ended. The text says how much."""


class PoolBroken(BrokenExecutor):
    """The pool's workers cannot be started, or its initializer fails in each. The text says why."""


class RemoteError(RuntimeError):
    """A task raised an exception that cannot be sent as it is: the name of its type, and its text."""

    def __init__(self, type_name, text):
        super().__init__(f"{type_name}: {text}" if text else type_name)
        self.type_name = type_name
        self.text = text

    def __reduce__(self):
        return type(self), (self.type_name, self.text)


class RemoteTraceback(Exception):
    """The cause of an exception that a task raised: its traceback in the worker."""

    def __init__(self, text):
        super().__init__(text)

    def __str__(self):
        return f'in the worker:\n"""\n{self.args[0]}\n"""'


class ComparisonFailed(RuntimeError):
    """fanout compare gave no result. `exit_code` is its own; the text is what it said."""

    def __init__(self, message, exit_code=None):
        super().__init__(message)
        self.exit_code = exit_code
