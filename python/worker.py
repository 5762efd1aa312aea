# SPDX-License-Identifier: Apache-2.0
# A worker process of the processes model: serves fanout's process pool. Whatever this imports makes every worker late.
# Processes that multiprocessing starts in a task run this file too, under another name: for them it is empty.
if __name__ == "__main__":
    import os
    import sys

    here = os.path.dirname(os.path.realpath(__file__))
    if sys.path[0] != here:  # -P or PYTHONSAFEPATH
        sys.path.insert(0, here)

    import _fanout
    from fanout_host import end, worker

    worker.prepare()
    _fanout.serve(worker.run, end.finish)
