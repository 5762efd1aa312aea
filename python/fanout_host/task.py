# SPDX-License-Identifier: Apache-2.0
# Runs one task to its end, whatever that is. An outcome is a tuple (start, end, kind, payload, worker), times in seconds of
# CLOCK_MONOTONIC, which all processes share, the worker as meter.this_worker() has it:
#   "value": payload is what the function returned
#   "error": payload is (traceback, its one line that says most, or None where there is no exception)
import os
import sys
from time import monotonic

from fanout_host import end, lines, meter, stdlib

_FOLDER = __file__.removesuffix("task.py")
_LONGEST_SUMMARY = 200

_owner = os.getpid()
_sources = {}


def keep_source(name, text):
    """Code that is in no file of that name: for tracebacks."""
    _sources[name] = text


def own():
    """This process runs tasks from now on, and no other."""
    global _owner
    _owner = os.getpid()


def end_if_forked(error=None):
    """A process that a task forked and that came back to us ends as a program of the user's would: it has no part in our
    other tasks, and none in answering for this one."""
    if os.getpid() == _owner:
        return
    status = 1
    try:
        status = _exit_status(error)
        end.write_out()
    finally:
        os._exit(status)


def _exit_status(error):
    """As Python ends with it at the end of a program, after printing what it would print."""
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        print(traceback_text(error), file=sys.stderr)
    elif error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    else:
        print(error.code, file=sys.stderr)
    return 1


def call(function, arguments):
    """Calls the function; a coroutine it returns is run on a loop of its own."""
    positional, named = arguments
    worker = meter.this_worker()
    start = monotonic()
    try:
        value = function(*positional, **named)
        if hasattr(type(value), "__await__"):
            value = _run(value)
        outcome = (start, monotonic(), "value", value, worker)
    except BaseException as error:  # a task that raises SystemExit or KeyboardInterrupt has failed, no more
        end_if_forked(error)
        outcome = (start, monotonic(), "error", told(error), worker)
    end_if_forked()
    lines.complete()
    return outcome


async def call_in_loop(function, arguments):
    """Calls the function inside the running loop, which a plain function blocks, as it would in the user's program."""
    positional, named = arguments
    worker = meter.this_worker()
    start = monotonic()
    try:
        value = function(*positional, **named)
        if hasattr(type(value), "__await__"):
            value = await value
        outcome = (start, monotonic(), "value", value, worker)
    except BaseException as error:
        end_if_forked(error)
        outcome = (start, monotonic(), "error", told(error), worker)
    end_if_forked()
    lines.complete()
    return outcome


def _run(awaitable):
    async def main():
        return await awaitable

    return stdlib.module("asyncio").run(main())


def traceback_text(error):
    with stdlib.in_place():
        return _traceback_text(error)


def _traceback_text(error):
    """The traceback from the user's first frame on; what is above it is ours, asyncio's or importlib's."""
    _show_sources()
    users = frame = error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        frame = frame.tb_next
        if file.startswith("<frozen importlib") or (file.startswith(_FOLDER) and file != lines.__file__):
            users = frame
    return "".join(stdlib.module("traceback").format_exception(type(error), error, users)).rstrip("\n")


def _show_sources():
    stdlib.module("traceback")  # which imports linecache
    cache = sys.modules["linecache"].cache
    for name, text in _sources.items():
        cache[name] = len(text), None, text.splitlines(keepends=True), name


def _summary(error):
    """The line of the traceback that names the exception: those before it show code, those after it are its message's."""
    lines = "".join(stdlib.module("traceback").format_exception_only(type(error), error)).splitlines()
    line = next((line for line in lines if line and not line.startswith(" ")), type(error).__name__).rstrip()
    return line if len(line) <= _LONGEST_SUMMARY else line[: _LONGEST_SUMMARY - 1] + "…"


def told(error):
    """An exception as the payload of an outcome."""
    with stdlib.in_place():
        return _traceback_text(error), _summary(error)


def untold(error, summary=None):
    """An outcome for a task that ended without one of its own; `error` says why."""
    return (None, None, "error", (error, summary), None)


class any_integer:
    """Lifts the limit on digits of integers as text while it lasts: a result is not an attack."""

    def __enter__(self):
        self._limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)

    def __exit__(self, *_):
        sys.set_int_max_str_digits(self._limit)


_LONGEST_STATE = 1000  # characters of what an object holds: others hold it, and others those

_PLAIN = {type(None), bool, int, float, complex, str, bytes}
_CONTAINERS = {list, tuple, dict, set, frozenset}


def is_plain(value):
    """Is it of Python's own plain types, and all in it? These marshal takes for what they are; but of whatever shows its
    memory, an array of numpy's say, it makes bytes."""
    try:
        return _are_plain((value,))
    except RecursionError:  # a container that contains itself
        return False


def _are_plain(values):
    kinds = set(map(type, values)) - _PLAIN
    if not kinds <= _CONTAINERS:
        return False
    containers = [value for value in values if type(value) in _CONTAINERS] if kinds else ()
    return all(_are_plain(value) and (type(value) is not dict or _are_plain(value.values())) for value in containers)


def text_of(value, objects=None):
    """repr(value), but equal for equal values only: sets and dicts in order, whatever the hash seed, large arrays with
    more than their ends, and objects that have no repr() of their own with what they hold. `objects`: id → (text, attributes)
    of those that have been seen, for many may hold the same one, and ids count as long as what has them is kept."""
    plain = repr(value)
    kind = type(value)
    objects = {} if objects is None else objects
    if kind.__repr__ is object.__repr__:
        if id(value) not in objects:
            objects[id(value)] = _text_of_object(value, plain, objects)
        return objects[id(value)][0]
    if kind not in _CONTAINERS:
        return plain + _digest(value) if "..." in plain else plain
    if not any(sign in plain for sign in ("{", "...", " object at 0x")):
        return plain
    if kind is dict:
        items = (f"{text_of(key, objects)}: {text_of(item, objects)}" for key, item in value.items())
        return "{" + ", ".join(sorted(items)) + "}"
    items = [text_of(item, objects) for item in value]
    if kind is list:
        return "[" + ", ".join(items) + "]"
    if kind is tuple:
        return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"
    items = "{" + ", ".join(sorted(items)) + "}"
    return items if kind is set else f"frozenset({items})"


def _text_of_object(value, plain, objects):
    """With its attributes, as pickle would take them, and these; plain if it has none, or cannot be taken apart."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:
        return plain, None
    state = reduced[2] if type(reduced) is tuple and len(reduced) > 2 else None
    if not state:
        return plain, None
    text = text_of(state, objects)
    if len(text) > _LONGEST_STATE:
        text = f"{len(text)} characters, SHA-256 {stdlib.module('hashlib').sha256(text.encode(errors='replace')).hexdigest()}"
    return f"<{type(value).__qualname__} {text}>", state


def _digest(value):
    """What tells it from others, if it shows its memory and there are values in that."""
    try:
        memory = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return ""
    if "O" in memory.format:  # references
        return ""
    digest = stdlib.module("hashlib").sha256(memory.tobytes()).hexdigest()
    kind = getattr(value, "dtype", memory.format)  # of an array of numpy's that was pickled the format is another: "=q" for "l"
    return f" (shape {memory.shape}, format {kind}, SHA-256 {digest})"


def described(value):
    """(name of the type, text) of any value."""
    name = type(value).__name__
    try:
        with any_integer():
            try:
                return name, text_of(value)
            except RecursionError:  # a container that contains itself
                return name, repr(value)
    except BaseException as error:  # SystemExit, say: the task has ended well, and so must we
        return name, f"<{name} whose repr() raised {type(error).__name__}>"
