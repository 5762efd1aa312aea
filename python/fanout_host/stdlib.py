# SPDX-License-Identifier: Apache-2.0
# Modules of Python's own that are needed late or never: loading them early would show in the measured time and memory, and
# late the user's folder, which is first in sys.path, may have a file of that name. So they are loaded early where it has one.
import os
import sys
from _thread import RLock

from fanout_host import LOADED_AT_START

_LATE = ("ast", "asyncio", "hashlib", "json", "pickle", "tokenize", "traceback", "unicodedata")
_kept = {}
_taken_out = {}  # of sys.modules
_putting_back = RLock()


def module(name):
    """Python's own module of that name, one of _LATE or kept."""
    return _kept.get(name) or __import__(name)


def keep(name):
    """Imports one that is not among _LATE, for module(). Before the user's folder is in sys.path."""
    __import__(name)
    _kept[name] = sys.modules[name]


def give_way(folder):
    """Before `folder` becomes the first in sys.path: what it has in place of Python's own modules is what the user's
    imports find, as they would without us, but not what ours find."""
    replaced = _module_names_in(folder) & (sys.stdlib_module_names - LOADED_AT_START)
    if not replaced:
        return
    _kept.update((name, __import__(name)) for name in _LATE)
    os.register_at_fork(after_in_child=_forked)
    replaced.discard("asyncio")  # stays, for it imports parts of itself late
    for name in list(sys.modules):
        if name.partition(".")[0] in replaced:
            _taken_out[name] = sys.modules.pop(name)


class in_place:
    """While it lasts imports find Python's own modules: for calling what itself imports others late, as traceback does."""

    def __enter__(self):
        if not _taken_out:
            return
        self._lock = _putting_back
        self._lock.acquire()
        self._found = {name: sys.modules.get(name) for name in _taken_out}
        sys.modules.update(_taken_out)

    def __exit__(self, *_):
        if not _taken_out:
            return
        for name, module in self._found.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        self._lock.release()


def _forked():
    """In a child made by fork: whoever held the lock does not exist here."""
    global _putting_back
    _putting_back = RLock()


def _module_names_in(folder):
    """Of what an import would take from there before Python's own."""
    return {entry.partition(".")[0] for entry in _entries_of(folder) if _is_module(folder, entry)}


def _entries_of(folder):
    try:
        return os.listdir(folder)
    except OSError:  # it is no folder, or one may import from it, but not list it
        return ()


def _is_module(folder, entry):
    """A folder without __init__ is one only if there is no other of the name."""
    if "." in entry:
        return entry.endswith((".py", ".pyc", ".so"))
    if entry not in sys.stdlib_module_names:
        return False
    return any(inner.startswith("__init__.") for inner in _entries_of(os.path.join(folder, entry)))
