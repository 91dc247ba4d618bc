"""Make faces unrecognisable: a few fields of colour where a head was, and no way back to it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Face

#: Fields along the longer side of a head. Up to eight hide who it is from people, yet a recogniser that is taught on
#: such pictures reads much from them (McPherson, Shokri and Shmatikov 2016, arXiv:1609.00408), and a clip holds many
#: with their edges elsewhere. Of three, one or two fall on the face.
CELLS = 3

#: Half axes of the ellipse around a head, in sides of the face box, and how far its middle lies above the box's.
_WIDE, _HIGH, _UP = 0.88, 1.08, 0.16

#: Seconds for which the place of a face that is no longer found stays covered.
MEMORY = 0.5


def blurred(image: NDArray[np.uint8], faces: Iterable[Face]) -> NDArray[np.uint8]:
    """Return a copy of a picture in which these faces can't be recognised.

    Each head (the box is only the face: it ends at the forehead) is averaged down to three fields along its longer
    side, and those are spread smoothly over an ellipse. What was averaged away is not in the picture any more.
    Faces that nobody found stay as they are.

    Args:
        image: uint8 ``[H, W, 3]``; it is left alone.
        faces: boxes in its pixels; they may reach over its edge.
    """
    covered = image.copy()
    for face in faces:
        _cover(image, covered, face)
    return covered


class Veil:
    """:func:`blurred` for moving pictures: a face that is lost for some frames stays covered where it was last seen."""

    def __init__(self, memory: float = MEMORY) -> None:
        """Start with nobody; ``memory`` is in seconds."""
        self._memory = memory
        self._seen: dict[int | None, tuple[float, list[Face]]] = {}

    def cover(self, image: NDArray[np.uint8], faces: Iterable[Face], time: float) -> NDArray[np.uint8]:
        """Return a copy of the next frame without recognisable faces.

        Args:
            image: uint8 ``[H, W, 3]``; it is left alone.
            faces: those found in it, with their ids.
            time: of the frame, seconds.
        """
        self._seen = {id: old for id, old in self._seen.items() if 0 <= time - old[0] <= self._memory}
        present: dict[int | None, tuple[float, list[Face]]] = {}
        for face in faces:
            present.setdefault(face.id, (time, []))[1].append(face)
        self._seen |= present
        return blurred(image, (face for _, seen in self._seen.values() for face in seen))


def _cover(image: NDArray[np.uint8], covered: NDArray[np.uint8], face: Face) -> None:
    """Average the head out of ``image`` into ``covered``: two heads that overlap don't depend on their order."""
    if not all(map(math.isfinite, face.box)) or min(face.box[2:]) <= 0:
        return
    centre, axes, angle = _head(face)
    reach = max(axes)
    left, top = max(0, math.floor(centre[0] - reach)), max(0, math.floor(centre[1] - reach))
    right = min(image.shape[1], math.ceil(centre[0] + reach))
    bottom = min(image.shape[0], math.ceil(centre[1] + reach))
    if left >= right or top >= bottom:
        return
    width, height = right - left, bottom - top
    longest = 2 * reach
    cells = (max(1, round(CELLS * width / longest)), max(1, round(CELLS * height / longest)))
    fields = cv2.resize(image[top:bottom, left:right], cells, interpolation=cv2.INTER_AREA)
    mask = np.zeros((height, width), np.uint8)
    middle = (round(centre[0] - left), round(centre[1] - top))
    cv2.ellipse(mask, middle, (math.ceil(axes[0]), math.ceil(axes[1])), math.degrees(angle), 0, 360, 255, cv2.FILLED)
    smooth = cv2.resize(fields, (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(smooth, mask, covered[top:bottom, left:right])


def _head(face: Face) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return the ellipse around the whole head: its middle, its half axes in pixels, its angle in radians."""
    x, y, w, h = face.box
    side = max(w, h)
    angle = _tilt(face)
    middle = x + w / 2 + math.sin(angle) * _UP * side, y + h / 2 - math.cos(angle) * _UP * side
    return middle, (_WIDE * side, _HIGH * side), angle


def _tilt(face: Face) -> float:
    """Angle by which a head is turned on the screen, radians, clockwise; up to half a turn."""
    if len(face.landmarks) < 2:
        return 0.0
    (rx, ry), (lx, ly) = face.landmarks[0], face.landmarks[1]
    return math.atan2(ly - ry, lx - rx)
