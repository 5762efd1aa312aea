# SPDX-License-Identifier: Apache-2.0
# The program of a process pool's workers: PYTHON _worker.py HEX, which is marshal's form of the program's (sys.path,
# sys.argv). Processes that multiprocessing starts in a task run this file too, under another name: for them it is empty.
if __name__ == "__main__":
    import marshal
    import os
    import sys

    here = os.path.dirname(os.path.realpath(__file__))
    sys.path.insert(0, here)
    import _fanout
    import _wire

    sys.path[:], sys.argv[:] = marshal.loads(bytes.fromhex(sys.argv[1]))
    for name in ("_fanout", "_wire"):  # they are the package's: tasks may have modules of these names
        del sys.modules[name]
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)

    _fanout.serve(_wire.run, _wire.leave)
