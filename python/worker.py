# SPDX-License-Identifier: Apache-2.0
# The program of the workers of the processes models, and of the process that they are forked from: WORKER HEX, which is
# marshal's form of (source, function, setup). Whatever this imports makes every worker late.
# Processes that multiprocessing starts in a task run this file too, under another name: for them it is empty.
if __name__ == "__main__":
    import marshal
    import os
    import sys

    here = os.path.dirname(os.path.realpath(__file__))
    if sys.path[0] != here:  # -P or PYTHONSAFEPATH
        sys.path.insert(0, here)

    import _fanout
    from fanout_host import end, worker

    work = marshal.loads(bytes.fromhex(sys.argv[1]))
    _fanout.serve(worker.run, end.finish, lambda: worker.load_first(*work))
