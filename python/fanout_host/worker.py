# SPDX-License-Identifier: Apache-2.0
# What a worker process does with a task: bytes in (source, function, setup, arguments), bytes out (an outcome), see load.py
# and task.py.
# marshal is both the fastest codec and already loaded, and both ends are the same interpreter.
import os
from marshal import dumps, loads

from fanout_host import end, lines, load, meter, stdlib
from fanout_host.task import call, end_if_forked, is_plain, own, told, untold

_begun = False


def prepare():
    lines.install()


def load_first(source, name, setup):
    """The user's function, once for all workers that are forked from this process. What goes wrong goes wrong again in
    each of them, and fails its tasks with the reason."""
    os.environ.pop("FANOUT_WORKER", None)  # the pool has done so in C, which os.environ does not notice
    prepare()
    end.begin()
    own()
    load.enter(source)
    try:
        load.function(source, name, setup)
    except BaseException as error:
        end_if_forked(error)
    lines.complete_all()
    end.note_users_files()


def serve_forks():
    """Workers will be forks of this process, which has loaded the user's function."""
    import _fanout

    lines.complete_all()
    end.note_users_files()
    _fanout.serve_forks(run, end.finish)


def begin():
    """Before the first task: only now is this process what it will be, and not yet the one that forks the workers."""
    global _begun
    if _begun:
        return
    _begun = True
    own()
    meter.forget()
    end.begin()


def run(payload):
    return packed(outcome_of(*loads(payload)))


def outcome_of(source, name, setup, arguments):
    begin()
    load.enter(source)
    try:
        function = load.function(source, name, setup)
    except BaseException as error:
        end_if_forked(error)
        outcome = untold(*told(error))
    else:
        outcome = call(function, arguments)
    lines.complete_all()
    return outcome


def packed(outcome):
    """An outcome as bytes: marshal's, if it is of Python's own plain types. Else after those lies a pickle, and after that the
    memory of arrays, which the pickle leaves out: they are copied once. What cannot be pickled fails its task, as it would
    with any pool of processes."""
    try:
        if is_plain(outcome):
            return dumps(outcome)
    except ValueError:  # too deep for marshal
        pass
    start, end, _, value, worker = outcome
    try:
        parts = _pickled(value)
    except BaseException as error:  # whatever code of the user's raises there
        return dumps((start, end, "error", _stayed(f"unpicklable result ({type(value).__name__})", error), worker))
    return b"".join((dumps((start, end, "pickled", [len(part) for part in parts], worker)), *parts))


def _pickled(value):
    buffers = []
    data = stdlib.module("pickle").dumps(value, protocol=5, buffer_callback=buffers.append)
    return [data, *(buffer.raw() for buffer in buffers)]


def _stayed(why, error):
    """The payload of an outcome whose value could not travel: short, for its line is to fit into a table; with a traceback
    only if that shows code of the user's."""
    text, reason = told(error)
    summary = f"{why}: {reason}"
    return summary if text == reason else f"{summary}\n{text}", summary


def unpacked(data):
    """The opposite, in the program."""
    outcome = loads(data)  # which ignores what follows
    start, end, kind, lengths, worker = outcome
    if kind != "pickled":
        return outcome
    rest = memoryview(data)[len(data) - sum(lengths):]
    parts = []
    for length in lengths:
        parts.append(rest[:length])
        rest = rest[length:]
    try:
        return start, end, "value", stdlib.module("pickle").loads(parts[0], buffers=parts[1:]), worker
    except BaseException as error:
        return start, end, "error", _stayed("result that was pickled, but cannot be unpickled", error), worker
