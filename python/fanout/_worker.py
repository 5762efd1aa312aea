# SPDX-License-Identifier: Apache-2.0
# The program of a process pool's workers: PYTHON _worker.py WHAT, which is marshal's form of (sys.path, sys.argv, what each
# worker is to call first or None, …), in hex, or PATH?NUMBER, a file that holds it; the first two are the program's.
# Processes that multiprocessing starts in a task run this file too, under another name: for them it is empty.
if __name__ == "__main__":
    import marshal
    import os
    import sys

    here = os.path.dirname(os.path.realpath(__file__))
    sys.path.insert(0, here)
    import _fanout
    import _wire

    what = sys.argv[1]
    if what.startswith("/"):
        with open(what.partition("?")[0], "rb") as file:
            surroundings = file.read()
    else:
        surroundings = bytes.fromhex(what)
    sys.path[:], sys.argv[:], initializer, *_ = marshal.loads(surroundings)
    for name in ("_fanout", "_wire"):  # they are the package's: tasks may have modules of these names
        del sys.modules[name]
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)

    _fanout.serve(_wire.run, _wire.leave, None, initializer and (lambda: _wire.initialize(*_wire.loads(initializer))))
