# SPDX-License-Identifier: Apache-2.0
# How our processes end. Exit functions run and files are written out, as at the end of any Python program; but threads
# and processes that tasks left running are not waited for, and modules are not taken down.
import atexit
import gc
import os
import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import ExtensionFileLoader, spec_from_file_location
from _io import _IOBase
from _thread import start_new_thread
from time import sleep

from fanout_host import lines

_PATIENCE = 2.0  # seconds for all of it, less than whoever waits for us has

_EXTENSION = os.path.join(os.path.dirname(os.path.dirname(__file__)), "_fanout.abi3.so")


_open_at_begin = set()
_opened_by_user = set()


def begin():
    """Before any code of the user's runs; and in a worker before its first task."""
    _open_at_begin.update(set(_open_files()) - _opened_by_user)


def note_users_files():
    """What is open now and was not when it began: workers that are forked from here inherit it, beside what is theirs."""
    _opened_by_user.update(set(_open_files()) - _open_at_begin)


def _open_files():
    """(descriptor, what it is) of each."""
    for name in os.listdir("/proc/self/fd"):
        try:
            yield name, os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # that of the listing itself, for one
            pass


def finish():
    """All there is to do before os._exit(), which is also called if this takes too long."""
    start_new_thread(_end_anyway, ())
    _give_up_children()
    atexit._run_exitfuncs()
    _stop_servers()
    write_out()


def finish_interpreter():
    """The same for one of several interpreters of this process: what is Python's own of it."""
    atexit._run_exitfuncs()
    _close_files_of_users()
    lines.complete_all()


def _end_anyway():
    sleep(_PATIENCE)
    os._exit(0)


def _give_up_children():
    """multiprocessing's exit function ends daemons among its processes, and waits for the others: let them be daemons."""
    process = sys.modules.get("multiprocessing.process")
    for child in process.active_children() if process else ():
        child._config["daemon"] = True


def _stop_servers():
    """multiprocessing's helpers end by themselves soon after us, but whoever ends what we leave behind may be faster; and
    one of them is to remove semaphores and shared memory."""
    for module, name in (("forkserver", "_forkserver"), ("resource_tracker", "_resource_tracker")):
        server = getattr(sys.modules.get(f"multiprocessing.{module}"), name, None)
        try:
            server._stop()
        except Exception:  # there is none, the user's code has ended it, or it is not as it was in the Pythons we know
            pass


def write_out():
    """Whatever is still in buffers, Python's and C's."""
    _close_files_of_users()
    lines.complete_all()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    _flush_c()


def _close_files_of_users():
    if not _open_at_begin.issuperset(_open_files()):  # looking for the files takes milliseconds, and rarely is there any
        _close_files()


def _close_files():
    """Flushes all before it closes any: one may write through another. Closing is more: a GzipFile then ends its data, and
    a temporary file is removed."""
    temporary = getattr(sys.modules.get("tempfile"), "_TemporaryFileWrapper", _IOBase)
    files = [found for found in gc.get_objects() if issubclass(type(found), (_IOBase, temporary)) and _is_users(found)]
    for method in ("flush", "close"):
        for file in files:
            try:
                getattr(file, method)()
            except Exception:  # the disk is full, say: nobody is left to be told
                pass


def _is_users(file):
    try:
        return file.fileno() > 2
    except Exception:  # closed, or without a descriptor
        return False


def _flush_c():
    """What C code has printed. The extension is loaded only now if it was not needed before."""
    try:
        _extension().flush()
    except ImportError:
        _flush_c_by_ctypes()


def _extension():
    if "_fanout" in sys.modules:
        return sys.modules["_fanout"]
    spec = spec_from_file_location("_fanout", _EXTENSION, loader=ExtensionFileLoader("_fanout", _EXTENSION))
    extension = module_from_spec(spec)
    spec.loader.exec_module(extension)
    return extension


def _flush_c_by_ctypes():
    """Only if it is loaded: without the extension it is the likeliest way to have called C at all."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        ctypes.CDLL(None).fflush(None)
