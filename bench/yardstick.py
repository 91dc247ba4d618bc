"""A fixed piece of work beside every measurement: if it got slower too, the machine did, and not the software."""

from __future__ import annotations

import time

import numpy as np

#: Side of its matrices: 1 to 3 ms on a laptop, and no more memory than the networks need.
SIDE = 128

#: Repetitions; the median of them counts.
REPEATS = 15


def yardstick() -> float:
    """Return the milliseconds that a product of two integer matrices and a sum over memory take now, one thread.

    Integers: NumPy multiplies them in its own loop, on one thread, whatever BLAS is installed.
    """
    grid = np.arange(SIDE * SIDE, dtype=np.int32).reshape(SIDE, SIDE)
    block = np.arange(1 << 18, dtype=np.float32)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        (grid @ grid).sum()
        block.sum()
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times)[REPEATS // 2]
