# SPDX-License-Identifier: Apache-2.0
"""What tests in Python look for in other processes."""

import os
import time


def marked_processes(mark):
    """The pids of all processes, orphans included, that were started with this mark in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environ:
                if mark.encode() in environ.read():
                    found.append(int(pid))
        except OSError:
            pass  # it has ended, or is not ours
    return found


def wait_until(condition, what):
    """Polls: what happens in other processes sends no event here. The deadline only guards against hanging."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.005)
