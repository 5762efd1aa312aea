# SPDX-License-Identifier: Apache-2.0
# Imports what WORK names before its colon: a source, (path, name). With a name it is the module of that name, as `python -m`
# finds it from the folder `path`; without, the file `path` as a module of its own name, so that its `if __name__ ==
# "__main__"` does not run; a notebook, if the file's name says so. Paths are absolute.
import os
import sys

# importlib.util by the names it has before it is imported: importing it would cost every worker 8 ms.
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location

from fanout_host import stdlib
from fanout_host.task import end_if_forked, keep_source

_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, without inspect
_modules = {}
_functions = {}
_entered = False


def enter(source):
    """Makes sys.path and sys.argv what they are for `python FILE` or `python -m MODULE`; once, for the user's code may
    change them."""
    global _entered
    if _entered:
        return
    _entered = True
    path, name = source
    folder = path if name else os.path.dirname(os.path.realpath(path))
    stdlib.give_way(folder)
    sys.path[0] = folder
    sys.argv[:] = ["-m"] if name else [path]  # Python's own word, until the module is found


class _Loader(SourceFileLoader):
    """As for `python FILE`: what the file holds now, and no __pycache__ beside it."""

    def path_stats(self, path):
        raise OSError  # so there is nothing to know a cached file by


def is_notebook(source):
    return source[1] is None and source[0].endswith(".ipynb")


def module(source, needed):
    """The module, imported once; raises what importing it raises. Of a notebook the cells that `needed`, a function in it,
    may need."""
    if source not in _modules:
        loaded = _import_by_name(source[1]) if source[1] else _import_file(source, needed)
        end_if_forked()  # by the import: only one of the two goes on to run tasks
        _modules[source] = loaded
    return _modules[source]


def _import_by_name(name):
    __import__(name)
    loaded = sys.modules[name]
    sys.argv[0] = getattr(loaded, "__file__", None) or "-m"
    return loaded


def _import_file(source, needed):
    file = source[0]
    # Of the file itself, where this is a link: only by that name can processes that the user's code starts import it.
    name = os.path.splitext(os.path.basename(os.path.realpath(file)))[0]
    if is_notebook(source):
        from fanout_host import notebook  # rarely needed

        loader = notebook.Loader(file, needed)
    else:
        loader = _Loader(name, file)
    spec = spec_from_file_location(name, file, loader=loader)
    loaded = module_from_spec(spec)
    # A file named like a module that Python itself has loaded (io.py) must not take that one's place.
    registered = sys.modules.setdefault(name, loaded) is loaded
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        if registered:
            sys.modules.pop(name, None)
        raise
    return loaded


def run_setup(loaded, text):
    """The --setup of the user's, as if the module ended with it."""
    if text:
        keep_source("--setup", text)
        exec(compile(text, "--setup", "exec"), loaded.__dict__)


def function(source, name, setup):
    """The user's function, with what calling it will need imported; found once in each process."""
    if (source, name) not in _functions:
        loaded = module(source, name)
        run_setup(loaded, setup)
        found = attribute(loaded, name)
        if is_coroutine_function(found):
            stdlib.module("asyncio")
        _functions[source, name] = found
    return _functions[source, name]


def attribute(owner, name):
    """`name` may have dots in it: Class.method."""
    for part in name.split("."):
        owner = getattr(owner, part)
    return owner


def is_coroutine_function(called):
    """Also a method, a functools.partial, or an object that can be called."""
    while hasattr(called, "func") and not hasattr(called, "__code__"):
        called = called.func
    code = getattr(called, "__code__", None) or getattr(getattr(type(called), "__call__", None), "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)
