"""Which images a conversion to int8 looks at, and on which images a file is compared with its checkpoint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError
from edge.preprocess import resize
from train.data.samples import Samples


def stratified(label: NDArray[np.int64], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Choose rows so that every class is seen about equally often, in random order.

    Activation ranges come from the widest values met; a class of one image in a hundred would hardly be met in a plain
    draw. A class with too few images gives all it has, and the others fill up.

    Args:
        label: int ``[N]``; rows with -1 are never chosen.
        count: rows wanted; fewer come back when there are fewer.
        generator: source of randomness.

    Returns:
        Distinct row numbers.
    """
    queues = [generator.permutation(np.flatnonzero(label == value)) for value in np.unique(label[label >= 0])]
    # The first image of every class, the second of every class, ...: cut where enough are together.
    rounds = np.concatenate([np.arange(len(queue)) for queue in queues]) if queues else np.zeros(0)
    rows = np.concatenate(queues) if queues else np.zeros(0)
    picked = rows[np.argsort(rounds, kind="stable")][:count].astype(np.int64)
    return generator.permutation(picked)


def drawn(total: int, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Choose ``count`` of ``total`` rows, in ascending order; all of them when ``count`` is 0 or too large."""
    if count == 0 or count >= total:
        return np.arange(total)
    return np.sort(generator.permutation(total)[:count])


def load_images(samples: Samples, config: Config) -> NDArray[np.uint8]:
    """Return all images of a split as network input, uint8 ``[N, S, S, 3]`` RGB, whole and resized.

    Raises:
        EdgeError: an image is missing or unreadable.
    """
    size, source_size = config.input.size, config.crop.source_size
    images = np.empty((len(samples), size, size, 3), np.uint8)
    for row in range(len(samples)):
        images[row] = resize(samples.image(row), size, source_size)
    return images


def truth_of(samples: Samples, config: Config) -> NDArray[np.int64]:
    """Return the class of each labelled sample in the model's label order, int64 ``[N]``, mapped by name.

    Raises:
        EdgeError: the data holds a class the model does not know.
    """
    present = {samples.labels[i] for i in np.unique(samples.label[samples.label >= 0])}
    unknown = sorted(present - set(config.labels))
    if unknown:
        raise EdgeError(
            f"{samples.name} holds {', '.join(unknown)}, which {config.name} does not know; use other --data"
        )
    order = np.array([config.labels.index(name) if name in config.labels else -1 for name in samples.labels])
    result: NDArray[np.int64] = order[samples.label]
    return result
