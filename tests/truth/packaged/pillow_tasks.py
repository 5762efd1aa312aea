# SPDX-License-Identifier: Apache-2.0
"""As standard_tasks.py, with Pillow."""

import random
import zlib

from PIL import Image

PICTURE = Image.frombytes("RGB", (1600, 1200), random.Random(1).randbytes(1600 * 1200 * 3))


def resize_picture(times):
    for _ in range(times):
        small = PICTURE.resize((640, 480), Image.Resampling.LANCZOS)
    return zlib.crc32(small.tobytes())
