# SPDX-License-Identifier: Apache-2.0
# What host.py and worker.py are made of. Each worker process imports `load`, `lines` and `task`: nothing there may import
# what the interpreter has not loaded already at its start, for that time is the user's.
