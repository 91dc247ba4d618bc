"""How the learning rate goes through a run, as a factor of its peak."""

from __future__ import annotations

import math
from collections.abc import Callable

#: Share of the peak rate that is held while weights are averaged (:class:`train.averaging.EpochAverage`): enough to
#: walk about in the valley, too little to leave it. A choice of this project, not a measured optimum.
AVERAGED_RATE = 0.1


def warmup_cosine(total: int, warmup: float, flat_from: float = 0.0) -> Callable[[int], float]:
    """Return the factor at each step: linear from near 0 to 1, then half a cosine down.

    Args:
        total: steps of the run.
        warmup: share of the steps over which the rate rises.
        flat_from: share of the steps after which the rate stays at :data:`AVERAGED_RATE`, where the cosine then ends;
            0: never, the cosine goes down to 0 at the end of the run.
    """
    end = round(total * flat_from) if flat_from else total
    low = AVERAGED_RATE if flat_from else 0.0
    rising = min(max(1, round(total * warmup)), max(1, end))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, end - rising))))

    return factor
