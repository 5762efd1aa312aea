# SPDX-License-Identifier: Apache-2.0
# How the workers of a pool are started that are no forks of the program: what _worker.py is told.
import marshal
import os
import sys
from itertools import count
from subprocess import _args_from_interpreter_flags

_numbers = count()
_MOST_IN_COMMAND = 40_000  # characters: of a pool's whole command there may be 65,000


class _MemoryFile:
    """A file without a name, which other processes find as long as this lives."""

    def __init__(self, content):
        self._fd = os.memfd_create("fanout-worker")
        with open(self._fd, "wb", closefd=False) as file:
            file.write(content)

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def __del__(self):
        os.close(self._fd)


def _place():
    """What pools must have in common that have their workers from one process, besides what these are told: where it was started
    and in what environment."""
    try:
        folder = os.getcwdb()
    except OSError:  # it was removed
        folder = b""
    return folder, hash(frozenset(os.environb.items()))


def worker_command(initializer):
    """The same interpreter, run as this one is; what it is to find in sys.path is said, not guessed: in the command, so that
    pools that say the same have their workers from one process, or, if it is much, in a file, which must outlive the pool."""
    lists = [[str(entry) for entry in entries] for entries in (sys.path, sys.argv)]
    surroundings, file = marshal.dumps((*lists, initializer, *_place())), None
    if len(surroundings) * 2 > _MOST_IN_COMMAND:
        file = _MemoryFile(surroundings)
        said = f"{file.path}?{next(_numbers)}"  # the next such file may be found by the same path
    else:
        said = surroundings.hex()
    program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "_worker.py")
    interpreter = sys.executable or os.readlink("/proc/self/exe")  # empty in one that was started by its name, without a PATH
    command = [interpreter, *_args_from_interpreter_flags(), program, said]
    return [os.fsencode(word) for word in command], file
