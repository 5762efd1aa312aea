# SPDX-License-Identifier: Apache-2.0
# What a worker process does with a task: bytes in (file, function, arguments), bytes out (an outcome), see task.py.
# marshal is both the fastest codec and already loaded, and both ends are the same interpreter.
import os
from marshal import dumps, loads

from fanout_host import end, lines, load, meter
from fanout_host.task import call, described, end_if_forked, is_plain, own, told, untold

_begun = False


def prepare():
    lines.install()


def _begin():
    """Before the first task: only now is this process what it will be, and not yet the one that forks the workers."""
    global _begun
    if _begun:
        return
    _begun = True
    own()
    meter.forget()
    end.begin()
    os.environ.pop("FANOUT_WORKER", None)  # the pool has done so in C, which os.environ does not notice


def run(payload):
    _begin()
    file, name, arguments = loads(payload)
    load.enter(file)
    try:
        function = load.function(file, name)
    except BaseException as error:
        end_if_forked(error)
        outcome = untold(*told(error))
    else:
        outcome = call(function, arguments)
    lines.complete_all()
    return packed(outcome)


def packed(outcome):
    try:
        if not is_plain(outcome):
            raise ValueError
        return dumps(outcome)
    except ValueError:  # not of Python's own plain types, or too deep: it travels as the text that would be shown of it
        start, end, _, value, worker = outcome
        return dumps((start, end, "text", described(value), worker))
