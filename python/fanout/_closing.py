# SPDX-License-Identifier: Apache-2.0
# Threads of the pools themselves.
import threading


def started(function, name):
    """A thread, which those who close pools wait for: a daemon, lest Python waits for it before it lets them."""
    thread = threading.Thread(target=function, name=name, daemon=True)
    thread.start()
    return thread
