"""The images a measurement runs on: faces of a data set, or of the portraits that travel in the package."""

from __future__ import annotations

import dataclasses
import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError
from edge.types import Face

#: Crops of the portraits: no image is met twice within a minute's turns of :data:`bench.worker.ROTATION`.
COUNT = 768


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Images ready for a network.

    Attributes:
        images: uint8 ``[N, S, S, 3]``, RGB.
        truth: int64 ``[N]``, class of each in the model's label order; None where nobody labelled them.
        description: what they are, in words.
    """

    images: NDArray[np.uint8]
    truth: NDArray[np.int64] | None
    description: str


def face_inputs(config: Config, count: int = COUNT, seed: int = 0) -> Inputs:
    """Return crops of the packaged portraits (public domain), as the runtime cuts them, no two of them the same.

    The detector's box is moved, scaled and tilted as detectors do it from frame to frame; the picture is mirrored,
    brightened and darkened. The same for a seed wherever OpenCV gives the same.

    Args:
        config: of the model.
        count: how many.
        seed: of the changes.

    Raises:
        EdgeError: a portrait is missing from the installation, or no face is found in it.
    """
    size = config.input.size
    draw = np.random.default_rng(seed)
    portraits = _portraits()
    images = np.empty((count, size, size, 3), np.uint8)
    seen: set[bytes] = set()
    for number in range(count):
        picture, face = portraits[number % len(portraits)]
        crop = _one(picture, face, config, draw)
        while (digest := hashlib.sha256(crop.tobytes()).digest()) in seen:  # few dark pixels: alike
            crop = _one(picture, face, config, draw)
        seen.add(digest)
        images[number] = crop
    return Inputs(images, None, f"{count} different crops of {len(portraits)} portraits; accuracy was not measured")


def _portraits() -> list[tuple[NDArray[np.uint8], Face]]:
    import cv2

    from edge.assets import asset
    from edge.detect import load_detector
    from edge.sources.demo import PORTRAITS

    detector = load_detector("blazeface")
    found = []
    for name in PORTRAITS:
        picture = cv2.imread(str(asset(name)), cv2.IMREAD_COLOR)
        faces = [] if picture is None else detector.detect(np.asarray(picture, np.uint8))
        if picture is None or not faces:
            raise EdgeError(f"{asset(name)} is damaged: it shows no face; install emot-edge again")
        found.append((np.asarray(picture, np.uint8), max(faces, key=lambda face: face.box[2])))
    detector.close()
    return found


def _one(picture: NDArray[np.uint8], face: Face, config: Config, draw: np.random.Generator) -> NDArray[np.uint8]:
    import cv2

    from edge.preprocess import crop_face

    x, y, w, h = face.box
    scale = draw.uniform(0.9, 1.15)
    dx, dy = draw.uniform(-0.08, 0.08, 2)
    tilt = math.radians(draw.uniform(-12, 12))
    box = (x + w * (dx + (1 - scale) / 2), y + h * (dy + (1 - scale) / 2), scale * w, scale * h)
    right, left = face.landmarks[:2]
    ex, ey = left[0] - right[0], left[1] - right[1]
    turned = (
        right[0] + ex * math.cos(tilt) - ey * math.sin(tilt),
        right[1] + ex * math.sin(tilt) + ey * math.cos(tilt),
    )
    moved = dataclasses.replace(face, box=box, landmarks=(right, turned))
    crop = crop_face(picture, moved, config.crop, config.input.size)
    if draw.random() < 0.5:
        crop = np.asarray(crop[:, ::-1])
    return np.ascontiguousarray(
        cv2.convertScaleAbs(crop, alpha=draw.uniform(0.7, 1.3), beta=draw.uniform(-20, 20)), dtype=np.uint8
    )


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
