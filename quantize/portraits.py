"""Images for a run without a data set: crops of the two portraits in the package, each a little different."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assets import ASSETS
from edge.bundle import Config
from edge.detect import load_detector
from edge.errors import EdgeError
from edge.preprocess import crop_face
from edge.types import Face
from quantize.images import Images

NOTICE = (
    "no --data: calibrating and comparing on crops of two packaged portraits, which is only a smoke check; "
    "int8 files deserve --data KIND:DIR"
)
COMPARED = 64


def portraits(config: Config, calibration: int, seed: int) -> Images:
    """Return jittered crops of the packaged portraits; they have no labels, so nothing is measured.

    Args:
        config: of the model: crop and input size.
        calibration: how many crops to take int8 ranges from.
        seed: of the jitter.

    Raises:
        EdgeError: a portrait is missing from the installation, or no face was found in it.
    """
    generator = np.random.default_rng(seed)
    faces = _faces()
    return Images(
        calibration=_crops(faces, config, calibration, generator),
        calibration_data="crops of the two packaged portraits",
        comparison=_crops(faces, config, COMPARED, generator),
        data=f"{COMPARED} crops of the two packaged portraits, seed {seed}",
        notice=NOTICE,
    )


def portrait_crops(config: Config, count: int, seed: int) -> NDArray[np.uint8]:
    """Return ``count`` jittered crops, uint8 ``[count, S, S, 3]``, RGB, of the portraits in turn.

    Raises:
        EdgeError: as :func:`portraits`.
    """
    return _crops(_faces(), config, count, np.random.default_rng(seed))


def _faces() -> list[tuple[NDArray[np.uint8], Face]]:
    """The portraits, BGR, each with its largest face."""
    detector = load_detector("blazeface")
    found = []
    for path in sorted(ASSETS.glob("portrait_*.jpg")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        faces = [] if image is None else detector.detect(np.asarray(image, np.uint8))
        if image is not None and faces:
            found.append((np.asarray(image, np.uint8), max(faces, key=lambda face: face.box[2] * face.box[3])))
    if not found:
        raise EdgeError(
            "the packaged portraits are missing or damaged; install emot-edge again, or give --data KIND:DIR"
        )
    return found


def _crops(
    faces: list[tuple[NDArray[np.uint8], Face]], config: Config, count: int, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """``count`` crops in turn from all faces, each with its own box, contrast and brightness."""
    size = config.input.size
    crops = np.empty((count, size, size, 3), np.uint8)
    for row in range(count):
        image, face = faces[row % len(faces)]
        crop = crop_face(image, _moved(face, generator), config.crop, size).astype(np.float32)
        if generator.random() < 0.5:
            crop = crop[:, ::-1]
        contrast, brightness = generator.uniform(0.6, 1.4), generator.uniform(-50, 50)
        crops[row] = np.clip((crop - crop.mean()) * contrast + crop.mean() + brightness, 0, 255)
    return crops


def _moved(face: Face, generator: np.random.Generator) -> Face:
    """The face with its box shifted by up to a tenth and scaled by up to a fifth."""
    x, y, w, h = face.box
    dx, dy = generator.uniform(-0.1, 0.1, size=2)
    scale = generator.uniform(0.85, 1.2)
    box = (x + w * (dx + (1 - scale) / 2), y + h * (dy + (1 - scale) / 2), w * scale, h * scale)
    return dataclasses.replace(face, box=box)
