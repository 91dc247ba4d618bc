"""Random numbers that depend on epoch and step only, so that a resumed run sees what an unbroken one sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
import lightning
from torch.utils.data import Sampler


class EpochShuffle(Sampler[int]):
    """A permutation of ``size`` indices for each epoch, from the seed and the epoch's number alone.

    Lightning calls :meth:`set_epoch`; :class:`train.batches.Batches` divides it among processes.
    """

    def __init__(self, size: int, seed: int, epoch: int = 0) -> None:
        self._size = size
        self._seed = seed
        self._epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose permutation the next iteration gives."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng((self._seed, self._epoch)).permutation(self._size).tolist())


class Reseed(lightning.Callback):
    """Seed torch's generator (augmentation, dropout) at each step; other processes draw other numbers.

    So no state of a generator needs to be kept: a run that goes on in the middle of an epoch draws what it would have.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        words = np.random.SeedSequence((self._seed, trainer.current_epoch, batch_idx, trainer.global_rank))
        lightning.seed_everything(int(words.generate_state(1)[0]), verbose=False)
