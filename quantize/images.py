"""The images of one run: those that int8 ranges are taken from, and those that files are compared on."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError
from edge.labels import LABELS
from quantize.calibration import drawn, load_images, stratified, truth_of


@dataclasses.dataclass(frozen=True)
class Images:
    """Network inputs, uint8 ``[N, S, S, 3]`` RGB.

    Attributes:
        calibration: to take int8 ranges from.
        comparison: to compare files on.
        data: where ``comparison`` comes from, in words.
        truth: int64 ``[N]``, the class of each comparison image in the model's order; None where unknown.
        notice: what the user must know about this choice; None when there is nothing.
    """

    calibration: NDArray[np.uint8]
    comparison: NDArray[np.uint8]
    data: str
    truth: NDArray[np.int64] | None = None
    notice: str | None = None


def choose(data: str | None, config: Config, images: int, calibration: int, seed: int) -> Images:
    """Choose images from a data set, or from the packaged portraits where none is given.

    Args:
        data: ``KIND:DIR`` or a folder, as for ``edge-train``; the splits ``train`` and ``validation`` are used.
        config: of the model.
        images: how many labelled images to compare on; 0: all.
        calibration: how many to take int8 ranges from.
        seed: chooses them.

    Raises:
        EdgeError: no such data set, no labelled images, or a class the model does not know.
    """
    if data is None:
        from quantize.portraits import portraits

        return portraits(config, calibration, seed)
    from train.data.opening import open_split

    generator = np.random.default_rng(seed)
    classes = None if config.labels == LABELS else config.labels
    training = open_split(data, "train", classes)
    training = training.take(stratified(training.label, calibration, generator))
    labelled = open_split(data, "validation", classes).labelled()
    for samples in (training, labelled):
        if not len(samples):
            raise EdgeError(f"{samples.name}: no image with a label; edge-quantize needs some of both splits")
    compared = labelled.take(drawn(len(labelled), images, generator))
    part = (
        "" if len(compared) == len(labelled) else f", {len(compared)} of {len(labelled)} labelled images, seed {seed}"
    )
    return Images(
        calibration=load_images(training, config),
        comparison=load_images(compared, config),
        data=labelled.title + part,
        truth=truth_of(compared, config),
    )
