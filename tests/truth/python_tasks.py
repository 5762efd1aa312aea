# SPDX-License-Identifier: Apache-2.0
"""Functions whose best model is known: see truths.py."""

import asyncio
import hashlib
import time


def computes(n):
    return sum(i * i for i in range(n))


def hashes(n):
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", n).hex()


async def blocks(seconds):
    time.sleep(seconds)


async def awaits(seconds):
    await asyncio.sleep(seconds)
