"""Means over the images of an epoch, which a checkpoint in the middle of the epoch can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Means:
    """Means of named figures, each step weighted by its images.

    Lightning's own running means are lost when a run is resumed in the middle of an epoch; these are part of the state.
    Sums are added up one by one in double precision, so where the epoch was interrupted does not show in them.
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._images = 0
        self._waiting: list[tuple[Tensor, int]] = []  # still on the device: reading a value would wait for the step
        self._names: list[str] = []

    def update(self, values: Mapping[str, Tensor], images: int) -> None:
        """Take the figures of one step over ``images`` images."""
        self._names = list(values)
        self._waiting.append((torch.stack([value.detach().float() for value in values.values()]), images))

    def compute(self) -> dict[str, float]:
        """Return the means so far; empty before the first step."""
        self._add_up()
        return {name: total / self._images for name, total in self._sums.items()} if self._images else {}

    def reset(self) -> None:
        """Begin the next epoch."""
        self._sums, self._images, self._waiting = {}, 0, []

    def state_dict(self) -> dict[str, Any]:
        self._add_up()
        return {"sums": dict(self._sums), "images": self._images}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._sums, self._images, self._waiting = dict(state["sums"]), state["images"], []

    def _add_up(self) -> None:
        if not self._waiting:
            return
        for row, (_, images) in zip(torch.stack([r for r, _ in self._waiting]).tolist(), self._waiting, strict=True):
            for name, value in zip(self._names, row, strict=True):
                self._sums[name] = self._sums.get(name, 0.0) + value * images
            self._images += images
        self._waiting = []
