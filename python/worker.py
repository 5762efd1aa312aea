# SPDX-License-Identifier: Apache-2.0
# A worker process of the processes model: serves fanout's process pool. Whatever this imports makes every worker late.
import os
import sys

here = os.path.dirname(os.path.realpath(__file__))
if sys.path[0] != here:  # -P or PYTHONSAFEPATH
    sys.path.insert(0, here)

import _fanout
from fanout_host import worker

worker.prepare()
_fanout.serve(worker.run)
