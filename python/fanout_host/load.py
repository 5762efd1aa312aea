# SPDX-License-Identifier: Apache-2.0
# Imports the user's file as a module of its own name, so that its `if __name__ == "__main__"` does not run. `file` is an
# absolute path everywhere here.
import os
import sys

# importlib.util by the names it has before it is imported: importing it would cost every worker 8 ms.
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location

from fanout_host import stdlib

_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, without inspect
_modules = {}
_entered = False


def enter(file):
    """Makes sys.path and sys.argv what they are for `python FILE`; once, for the user's code may change them."""
    global _entered
    if _entered:
        return
    _entered = True
    folder = os.path.dirname(os.path.realpath(file))
    stdlib.give_way(folder)
    sys.path[0] = folder
    sys.argv[:] = [file]


class _Loader(SourceFileLoader):
    """As for `python FILE`: what the file holds now, and no __pycache__ beside it."""

    def path_stats(self, path):
        raise OSError  # so there is nothing to know a cached file by


def module(file):
    """The module, imported once; raises what importing it raises."""
    if file in _modules:
        return _modules[file]
    # Of the file itself, where this is a link: only by that name can processes that the user's code starts import it.
    name = os.path.splitext(os.path.basename(os.path.realpath(file)))[0]
    spec = spec_from_file_location(name, file, loader=_Loader(name, file))
    loaded = module_from_spec(spec)
    # A file named like a module that Python itself has loaded (io.py) must not take that one's place.
    registered = sys.modules.setdefault(name, loaded) is loaded
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        if registered:
            sys.modules.pop(name, None)
        raise
    _modules[file] = loaded
    return loaded


def function(file, name):
    """The user's function, with what calling it will need imported."""
    found = getattr(module(file), name)
    code = getattr(found, "__code__", None)
    if code is not None and code.co_flags & _CO_COROUTINE:
        stdlib.module("asyncio")
    return found
