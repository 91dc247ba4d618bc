"""Random numbers that depend on epoch and step only, so that a resumed run sees what an unbroken one sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
import lightning
from torch.utils.data import Sampler


class EpochShuffle(Sampler[int]):
    """The order of each epoch's ``size`` images, from the seed and the epoch's number alone.

    A permutation; or, with ``chances``, as many draws with replacement. Lightning calls :meth:`set_epoch`;
    :class:`train.batches.Batches` divides the order among processes.
    """

    def __init__(self, size: int, seed: int, epoch: int = 0, chances: NDArray[np.float64] | None = None) -> None:
        """Order ``size`` images; ``chances`` ``[size]`` sum to one (:func:`balanced_chances`)."""
        self._size = size
        self._seed = seed
        self._epoch = epoch
        self._chances = chances

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self._seed, self._epoch))
        if self._chances is None:
            return iter(random.permutation(self._size).tolist())
        return iter(random.choice(self._size, self._size, p=self._chances).tolist())


def balanced_chances(distribution: NDArray[np.float32], power: float) -> NDArray[np.float64]:
    """Return each image's chance to be drawn, ``[N]``, for target distributions ``[N, C]``.

    A class's chance is its inverse frequency to the ``power``: 1 draws all classes alike often, 0.5 is half way, 0
    draws all images alike. An image whose votes are split stands for each of its classes in part.
    """
    counts = distribution.sum(axis=0, dtype=np.float64)
    rarity = np.where(counts > 0, np.maximum(counts, 1e-12) ** -power, 0.0)
    chances = distribution.astype(np.float64) @ rarity
    result: NDArray[np.float64] = chances / chances.sum()
    return result


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
