"""Samples as a torch Dataset, and the batches that come out of it."""

from __future__ import annotations

from typing import TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from edge.preprocess import resize
from train.data.samples import Samples

#: Memory that the pictures of a split may take, in all reading processes together.
KEPT_BYTES = 256 * 2**20


class Batch(TypedDict):
    """One batch.

    ``image`` uint8 ``[N, S, S, 3]`` RGB; ``distribution`` float32 ``[N, C]``; ``label`` int64 ``[N]``, -1 where not
    counted; ``valence_arousal`` float32 ``[N, 2]`` (NaN: not annotated).
    """

    image: Tensor
    distribution: Tensor
    label: Tensor
    valence_arousal: Tensor


class FaceDataset(Dataset[Batch]):
    """Images of a split, prepared by ``edge.preprocess`` exactly as the runtime prepares them.

    Decoded pictures are kept in memory where the whole split fits into :data:`KEPT_BYTES` (FER+: 63 MiB), so that each
    file is read once and not in every epoch. Every reading process fills a memory of its own, and gets its share.
    """

    def __init__(self, samples: Samples, size: int, source_size: int | None = None) -> None:
        self.samples = samples
        self.size = size
        self.source_size = source_size
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._room: int | None = None  # bytes left; not known before the first picture says how large they are

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Batch:
        image = resize(self._picture(index), self.size, self.source_size)
        return Batch(
            image=torch.from_numpy(image),
            distribution=torch.from_numpy(self.samples.distribution[index]),
            label=torch.tensor(int(self.samples.label[index])),
            valence_arousal=torch.from_numpy(self.samples.valence_arousal[index]),
        )

    def _picture(self, index: int) -> NDArray[np.uint8]:
        """Return a picture from memory, or from its file."""
        stored = self._kept.get(index)
        if stored is not None:
            return _in_color(stored)
        image = self.samples.image(index)
        if self._room != 0:
            self._keep(index, _without_color(image))
        return image

    def _keep(self, index: int, picture: NDArray[np.uint8]) -> None:
        if self._room is None:
            worker = get_worker_info()
            share = KEPT_BYTES // (worker.num_workers if worker else 1)
            # A small part of a large split would cost the memory and save nothing.
            self._room = share if picture.nbytes * len(self.samples) <= share else 0
        if picture.nbytes <= self._room:
            self._kept[index] = picture
            self._room -= picture.nbytes


def _without_color(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return one channel ``[H, W]`` of a picture whose three are the same, else the picture."""
    first = image[:, :, 0]
    gray = np.array_equal(first, image[:, :, 1]) and np.array_equal(first, image[:, :, 2])
    return first.copy() if gray else image


def _in_color(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture if picture.ndim == 3 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
