"""The running average of the weights that is measured and kept instead of the weights of the last step."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def warming_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return the update of an exponential moving average whose memory grows from short to ``decay``.

    With a constant decay the random start stays in the average of the BatchNorm variances for thousands of steps, and
    in a deep network that is enough to make every validation of the first epochs meaningless. ``(1 + n) / (10 + n)`` is
    TensorFlow's ``num_updates`` rule.
    """

    def update(average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        kept = min(decay, (1 + float(steps)) / (10 + float(steps)))
        return average + (current - average) * (1 - kept)

    return update
