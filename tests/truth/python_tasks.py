# SPDX-License-Identifier: Apache-2.0
"""Functions whose best model is known: see truths.py."""

import asyncio
import hashlib
import random
import time
import zlib

DATA = random.Random(1).randbytes(1_000_000).hex().encode()  # 2 MB, of which zlib makes a good half


def hashes(n):
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", n).hex()


def compresses(times):
    for _ in range(times):
        compressed = zlib.compress(DATA)
    return zlib.crc32(compressed)


async def blocks(seconds):
    time.sleep(seconds)


async def awaits(seconds):
    await asyncio.sleep(seconds)


def waits(seconds):
    """As one would write it: in a loop a coroutine, elsewhere a call that blocks its thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return time.sleep(seconds)
    return asyncio.sleep(seconds)
