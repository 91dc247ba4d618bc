"""Averages of the weights that are measured and kept instead of the weights of the last step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
from lightning.pytorch.callbacks import WeightAveraging


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


class EpochAverage(WeightAveraging):
    """The equal average of the weights at the ends of the last epochs; before those, the weights as they are.

    Stochastic weight averaging (Izmailov et al. 2018, https://arxiv.org/abs/1803.05407). BatchNorm's statistics are
    averaged like the weights instead of being measured again: a pass over the data after every epoch would be needed to
    know how good the average is. The learning rate that belongs to it is :func:`train.rates.warmup_cosine`'s.
    """

    def __init__(self, start: float) -> None:
        """Average from the epoch after which the share ``start`` of all epochs is done."""
        super().__init__(avg_fn=self._update)
        self._start = start
        self._first = 0
        self._steps = 1

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        self._first = min(round(trainer.max_epochs * self._start), trainer.max_epochs - 1)
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._steps = int(trainer.num_training_batches)

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Tell whether an epoch's last step was taken: before its validation, which measures the average."""
        return step_idx is not None and (step_idx + 1) % self._steps == 0

    def _update(self, average: Tensor, current: Tensor, epoch: Tensor | int) -> Tensor:
        averaged = int(epoch) - self._first  # one update an epoch: their number is the epoch's
        return current if averaged <= 0 else average + (current - average) / (averaged + 1)
