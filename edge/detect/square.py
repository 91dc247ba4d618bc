"""The square in which the search sees a picture, and how boxes of a smaller view of it become the search's."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from edge.detect.blazeface import face_of, margins
from edge.detect.network import FULL_RANGE
from edge.types import Box, Face

#: The next place of a face: no further away than this many sides of its box, and no larger or smaller than so.
REACH = 0.75
GROWTH = 1.5

#: Its side, pixels.
SIDE = FULL_RANGE.size

Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Square:
    """How a picture lies in it.

    Attributes:
        width: of the picture, pixels.
        height: likewise.
        scale: pixels of the square for one of the picture.
        left: margin in the square, pixels.
        top: likewise.
    """

    width: int
    height: int
    scale: float
    left: float
    top: float

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> Square:
        """Return the square of a picture ``[H, W, 3]``."""
        return cls(image.shape[1], image.shape[0], *margins(image, SIDE))

    @property
    def content(self) -> Box:
        """Where in the square the picture is."""
        return self.left, self.top, self.width * self.scale, self.height * self.scale

    def inward(self, box: Box) -> Box:
        """Return a box of the picture in the square."""
        x, y, w, h = box
        return x * self.scale + self.left, y * self.scale + self.top, w * self.scale, h * self.scale

    def outward(self, values: Values, score: float) -> Face:
        """Return a face of the square, corner form ``[16]``, in the picture."""
        return face_of(values, score, self.scale, self.left, self.top)


@dataclasses.dataclass(frozen=True)
class Shift:
    """How the search's box of a face differs from that of a window.

    Attributes:
        x: what is added to the centre, in sides of the box.
        y: likewise.
        ratio: of the sides.
    """

    x: float = 0.0
    y: float = 0.0
    ratio: float = 1.0

    @classmethod
    def learned(cls, box: Box, wanted: Box) -> Shift:
        """Return the difference between a window's box and the search's."""
        x, y, side = _middle(box)
        wanted_x, wanted_y, wanted_side = _middle(wanted)
        return cls((wanted_x - x) / side, (wanted_y - y) / side, wanted_side / side)

    def applied(self, values: Values) -> Values:
        """Bring what a window gave, corner form ``[16]``, to where a search would put it, landmarks with the box."""
        if self == _NONE:
            return values
        x, y, side = _middle(corner_box(values))
        points = values.reshape(-1, 2)
        moved: Values = (points - (x, y)) * self.ratio + (x + self.x * side, y + self.y * side)
        return moved.reshape(-1)


_NONE = Shift()


def corner_box(values: Values) -> Box:
    """Return the box of a corner form."""
    x0, y0, x1, y1 = values[:4].tolist()
    return x0, y0, x1 - x0, y1 - y0


def distance(box: Box, other: Box) -> float | None:
    """Distance of two boxes' centres in sides; None where they can't be one face in consecutive frames."""
    x, y, side = _middle(box)
    other_x, other_y, other_side = _middle(other)
    if side <= 0 or not 1 / GROWTH <= other_side / side <= GROWTH:
        return None
    away = math.hypot(other_x - x, other_y - y) / side
    return away if away <= REACH else None


def enlarged(faces: list[Face], small: NDArray[np.uint8], large: NDArray[np.uint8]) -> list[Face]:
    """Bring faces of the smaller picture of a moment into the larger one."""
    x, y = large.shape[1] / small.shape[1], large.shape[0] / small.shape[0]
    return [
        dataclasses.replace(
            face,
            box=(face.box[0] * x, face.box[1] * y, face.box[2] * x, face.box[3] * y),
            landmarks=tuple((px * x, py * y) for px, py in face.landmarks),
        )
        for face in faces
    ]


def _middle(box: Box) -> tuple[float, float, float]:
    """Centre and side."""
    x, y, w, h = box
    return x + w / 2, y + h / 2, (w + h) / 2
