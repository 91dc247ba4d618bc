"""A fixed piece of work beside every measurement: if it got slower too, the machine did, and not the software.

Three parts of about equal time, since neighbours on a shared machine slow different things: whole numbers multiplied
one by one, float matrices through BLAS as networks have them, and memory. On a virtual machine whose processors others
kept busy, the 10th percentile of an int8 network's times in blocks of half a second varied by 10 % (standard deviation)
by itself and by 5 to 6 % when divided by that of this sum, taken every 10 ms in between; medians varied by 16 %.
"""

from __future__ import annotations

import time

import numpy as np

#: Side of the matrices. At 64, OpenBLAS multiplies on one thread whatever it may use (its interface/gemm.c).
SIDE = 64

#: Float products in one unit, and numbers in memory (1 MB).
PRODUCTS, NUMBERS = 20, 1 << 18

#: Units of which :func:`yardstick` takes the 10th percentile, and of which percentile.
REPEATS, QUANTILE = 30, 10

_WHOLE = np.arange(SIDE * SIDE, dtype=np.int32).reshape(SIDE, SIDE)
_FLOAT = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
_MEMORY = np.ones(NUMBERS, np.float32)


def unit() -> float:
    """Do the work once and return its seconds: half a millisecond on a laptop, one thread.

    It depends on NumPy's version and its BLAS, so that it is compared only between runs with the same.
    """
    start = time.perf_counter()
    _WHOLE @ _WHOLE
    for _ in range(PRODUCTS):
        _FLOAT @ _FLOAT
    _MEMORY.sum()
    return time.perf_counter() - start


def yardstick() -> float:
    """Return the milliseconds that one unit takes now: a low percentile of many.

    Low, because most of what disturbs a measurement makes it longer, and nothing makes it shorter.
    """
    return 1e3 * float(np.percentile([unit() for _ in range(REPEATS)], QUANTILE))
