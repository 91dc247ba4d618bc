"""The images a measurement runs on: real faces of a data set, or noise that says so."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError

#: Noise images made when there is no data.
NOISE = 64


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Images ready for a network.

    Attributes:
        images: uint8 ``[N, S, S, 3]``, RGB.
        truth: int64 ``[N]``, class of each in the model's label order; None for noise.
        description: what they are, in words.
    """

    images: NDArray[np.uint8]
    truth: NDArray[np.int64] | None
    description: str


def noise_inputs(config: Config, seed: int = 0) -> Inputs:
    """Return uniform noise, the same for a seed on every machine."""
    size = config.input.size
    images = np.random.default_rng(seed).integers(0, 256, (NOISE, size, size, 3), dtype=np.uint8)
    return Inputs(images, None, f"noise (seed {seed}), no faces: accuracy was not measured")


def data_inputs(config: Config, data: str, split: str, count: int, seed: int = 0) -> Inputs:
    """Return ``count`` labelled faces of a split, drawn with a seed, prepared as the runtime prepares them.

    Labels are matched by name; faces whose label the model does not know are left out and counted in the description.

    Raises:
        EdgeError: no such data (see :func:`train.data.opening.open_split`), or none of its labels is the model's.
    """
    from edge.preprocess import resize
    from train.data.opening import open_split

    samples = open_split(data, split).labelled()
    to_model = np.array([config.labels.index(name) if name in config.labels else -1 for name in samples.labels])
    known = to_model[samples.label] >= 0 if len(samples) else np.zeros(0, bool)
    unknown = int(len(samples) - known.sum())
    samples = samples.take(known)
    if not len(samples):
        raise EdgeError(
            f"{data}: no image of split {split} carries one of the model's labels {', '.join(config.labels)}"
        )
    total = len(samples)
    if count and count < total:
        samples = samples.take(np.sort(np.random.default_rng(seed).choice(total, count, replace=False)))
    size, source_size = config.input.size, config.crop.source_size
    images = np.stack([resize(samples.image(index), size, source_size) for index in range(len(samples))])
    description = f"{samples.title}, {len(samples)} of {total} labelled faces (seed {seed})"
    if unknown:
        description += f"; {unknown} more carry labels the model does not know and were left out"
    return Inputs(images, to_model[samples.label], description)
