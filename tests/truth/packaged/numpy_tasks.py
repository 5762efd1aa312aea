# SPDX-License-Identifier: Apache-2.0
"""As standard_tasks.py, with numpy."""

import numpy

NUMBERS = numpy.random.default_rng(1).random(1_000_000)
MATRIX = numpy.random.default_rng(1).integers(0, 10, (400, 400)).astype(float)


def sort_numbers(times):
    for _ in range(times):
        ordered = numpy.sort(NUMBERS)
    return float(ordered[::1000].sum())


def multiply_matrices(times):
    for _ in range(times):
        product = MATRIX @ MATRIX  # of small whole numbers: exact, in whatever order they are added
    return float(product.sum())
