"""How far a figure could be off, by what was measured beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: 97.5th percentile of the normal distribution.
Z = 1.959964

#: Fewest blocks whose smallest and largest hold the median in 95 of 100 cases: 1 - 2 / 2^n.
LEAST_BLOCKS = 6


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a median from order statistics, with no assumption about the distribution.

    The narrowest ranks ``k, n + 1 - k`` that leave at most 2.5 % on either side by the binomial distribution (Conover
    1999, "Practical Nonparametric Statistics", 3.2). None for fewer than :data:`LEAST_BLOCKS` values, which can't tell.
    """
    count = len(values)
    if count < LEAST_BLOCKS:
        return None
    ordered, tail, rank = sorted(values), 0.0, 0
    while True:
        tail += math.comb(count, rank) / 2**count
        if tail > 0.025:
            break
        rank += 1
    return ordered[rank - 1], ordered[count - rank]


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share seen in ``count`` draws (Wilson 1927, J. ASA 22:209-212)."""
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count)) / (1 + Z * Z / count)
    return max(0.0, centre - half), min(1.0, centre + half)
