"""Which images make up each step, and which process takes which of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
from torch.utils.data import Sampler, default_collate

from train.processes import Place


class Order(Protocol):
    """A sampler of indices that knows how many it gives."""

    def __iter__(self) -> Iterator[int]: ...

    def __len__(self) -> int: ...


class Batches(Sampler[list[int]]):
    """Batches of indices, the same for any number of processes; each process takes its slice of each of them.

    No image is repeated and none is left out: slices of a batch differ by one image at most, and where a batch has
    fewer images than there are processes, some slices are empty (:func:`collate` knows). So every process takes the
    same number of steps, and a figure over all processes is the figure of one.
    """

    def __init__(self, order: Order, size: int, drop_last: bool, place: Place, first: int = 0) -> None:
        """Cut an order into batches.

        Args:
            order: a sampler of indices. Lightning tells it the epoch, where it has ``set_epoch``.
            size: images of a step, over all processes.
            drop_last: leave out an incomplete last batch.
            place: this process among all.
            first: batches that the first iteration skips: those that a resumed run has behind it.
        """
        self.sampler = order  # the name under which Lightning looks for set_epoch
        self._size = size
        self._drop_last = drop_last
        self._place = place
        self._first = first

    def __len__(self) -> int:
        images = len(self.sampler)
        return images // self._size if self._drop_last else -(-images // self._size)

    def __iter__(self) -> Iterator[list[int]]:
        first, self._first = self._first, 0
        indices = list(self.sampler)
        for number in range(first, len(self)):
            yield self._slice(indices[number * self._size : (number + 1) * self._size])

    def _slice(self, batch: Sequence[int]) -> list[int]:
        rank, world = self._place.rank, self._place.world
        return list(batch[len(batch) * rank // world : len(batch) * (rank + 1) // world])


def collate(rows: list[Any]) -> Any:
    """Stack samples to a batch; an empty slice becomes an empty dictionary."""
    return default_collate(rows) if rows else {}
