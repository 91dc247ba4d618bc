"""Find the runtime crop that matches a data set of faces that were cropped before anybody asked how.

The runtime cuts faces out by the detector's box; the network was taught on pictures somebody else cut out. Running the
same detector on those pictures says how much more, or less, than the box they show.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from edge.detect import Detector
from edge.errors import EdgeError
from train.data.samples import Samples

#: Small pictures are enlarged to this side, and given a margin of as much, so that the detector has room for the box.
_SIDE = 144


@dataclasses.dataclass(frozen=True)
class CropFit:
    """Where pictures of a data set lie relative to the face box in them; medians, with quartiles for the scale.

    Attributes:
        scale: side of the picture, in box sides.
        quartiles: a quarter of the pictures lies below the first, a quarter above the second.
        shift_x: how far the picture's centre lies right of the box's, in box sides; should be near 0.
        shift_y: how far it lies below.
        found: share of the pictures in which the detector found a face.
        images: number of pictures tried.
    """

    scale: float
    quartiles: tuple[float, float]
    shift_x: float
    shift_y: float
    found: float
    images: int


def measure_crop(samples: Samples, detector: Detector, images: int = 2000, seed: int = 0) -> CropFit:
    """Run a detector over a random choice of labelled pictures.

    Args:
        samples: pictures that are crops of one face each.
        detector: the detector the runtime will use.
        images: how many pictures to try.
        seed: of the choice.

    Raises:
        EdgeError: the detector finds a face in fewer than half of them.
    """
    samples = samples.labelled()
    rows = np.random.default_rng(seed).permutation(len(samples))[:images]
    seen = []
    for row in rows:
        picture = cv2.resize(samples.image(int(row)), (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
        canvas = cv2.copyMakeBorder(
            picture[:, :, ::-1], _SIDE, _SIDE, _SIDE, _SIDE, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
        faces = detector.detect(np.asarray(canvas, np.uint8))
        if faces:
            x, y, w, h = faces[0].box
            box, middle = (w + h) / 2, 1.5 * _SIDE
            seen.append((_SIDE / box, (middle - x - w / 2) / box, (middle - y - h / 2) / box))
    if 2 * len(seen) < len(rows):
        raise EdgeError(
            f"{samples.name}: a face was found in only {len(seen)} of {len(rows)} pictures; are they faces?"
        )
    scale, x, y = np.median(seen, axis=0)
    low, high = np.percentile([values[0] for values in seen], (25, 75))
    return CropFit(float(scale), (float(low), float(high)), float(x), float(y), len(seen) / len(rows), len(rows))
