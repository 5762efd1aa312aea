# SPDX-License-Identifier: Apache-2.0
# What host.py and worker.py are made of. Each worker process imports `end`, `lines`, `load`, `meter`, `stdlib` and `task`: nothing
# there may import what the interpreter has not loaded already at its start, for that time is the user's.
import sys

LOADED_AT_START = frozenset(sys.modules)  # before we import anything: what any program of the user's would find loaded
