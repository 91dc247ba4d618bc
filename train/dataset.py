"""Samples as a torch Dataset, and the batches that come out of it."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import Dataset

from edge.preprocess import resize
from train.data.samples import Samples


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
    """Images of a split, prepared by ``edge.preprocess`` exactly as the runtime prepares them."""

    def __init__(self, samples: Samples, size: int, source_size: int | None = None) -> None:
        self.samples = samples
        self.size = size
        self.source_size = source_size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Batch:
        image = resize(self.samples.image(index), self.size, self.source_size)
        return Batch(
            image=torch.from_numpy(image),
            distribution=torch.from_numpy(self.samples.distribution[index]),
            label=torch.tensor(int(self.samples.label[index])),
            valence_arousal=torch.from_numpy(self.samples.valence_arousal[index]),
        )
