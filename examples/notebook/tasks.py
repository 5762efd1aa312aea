# SPDX-License-Identifier: Apache-2.0
# The functions that `fanout compare` runs as "the notebook" in Python: one that computes, one that waits, and the same
# waiting as a coroutine. asyncio is imported where it is used: whoever only computes need not wait for it.
import time


def cpu_task(n):
    """The sum of the squares below n, the slow way."""
    total = 0
    for i in range(n):
        total += i**2
    return total


def fetch_data(task_id, delay):
    """Stands for a request that is answered after `delay` seconds; its thread is blocked meanwhile."""
    print(f"task {task_id}: request sent")
    time.sleep(delay)
    print(f"task {task_id}: answer received")
    return f"answer {task_id}"


async def fetch_data_async(task_id, delay):
    """The same request; the event loop is free meanwhile."""
    import asyncio

    print(f"task {task_id}: request sent")
    await asyncio.sleep(delay)
    print(f"task {task_id}: answer received")
    return f"answer {task_id}"
