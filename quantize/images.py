"""The images of one run: to calibrate on, to search by, to fine-tune on, and, of another split, to judge on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError
from edge.labels import LABELS
from quantize.calibration import drawn, load_images, stratified, truth_of

Pictures = NDArray[np.uint8]
Classes = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Images:
    """Network inputs, uint8 ``[N, S, S, 3]`` RGB.

    Attributes:
        calibration: training images to take int8 ranges from.
        calibration_data: where they come from, in words.
        comparison: validation images that files are judged on; nothing is chosen by them.
        data: where ``comparison`` comes from, in words.
        truth: int64 ``[N]``, the class of each comparison image in the model's order; None where unknown.
        search: reads training images and their classes, others than the calibration's, to choose a recipe by; None
            where there are no labels.
        tuning: reads training images for fine-tuning.
        notice: what the user must know about this choice; None when there is nothing.
    """

    calibration: Pictures
    calibration_data: str
    comparison: Pictures
    data: str
    truth: Classes | None = None
    search: Callable[[], tuple[Pictures, Classes]] | None = None
    tuning: Callable[[], Pictures] | None = None
    notice: str | None = None

    def digest(self) -> str:
        """Hash over the calibration and comparison images and their classes."""
        total = hashlib.sha256()
        for part in (self.calibration, self.comparison, self.truth):
            total.update(b"-" if part is None else np.ascontiguousarray(part).data)
        return total.hexdigest()


#: Images to search by and to fine-tune on; the calibration images are not among the first.
SEARCHED = 1500
TUNED = 8000


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
    calibrated = stratified(training.label, calibration, generator)
    labelled = open_split(data, "validation", classes).labelled()
    for samples, count in ((training, len(calibrated)), (labelled, len(labelled))):
        if not count:
            raise EdgeError(f"{samples.name}: no image with a label; edge-quantize needs some of both splits")
    compared = labelled.take(drawn(len(labelled), images, generator))
    part = (
        "" if len(compared) == len(labelled) else f", {len(compared)} of {len(labelled)} labelled images, seed {seed}"
    )
    rest = np.setdiff1d(np.flatnonzero(training.label >= 0), calibrated)
    searched = np.sort(generator.permutation(rest)[:SEARCHED])
    tuned = np.sort(generator.permutation(len(training))[:TUNED])

    def search() -> tuple[Pictures, Classes]:
        samples = training.take(searched)
        return load_images(samples, config), truth_of(samples, config)

    return Images(
        calibration=load_images(training.take(calibrated), config),
        calibration_data=training.title,
        comparison=load_images(compared, config),
        data=labelled.title + part,
        truth=truth_of(compared, config),
        search=search if len(searched) else None,
        tuning=lambda: load_images(training.take(tuned), config),
    )
