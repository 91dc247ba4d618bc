"""The built-in source: two public-domain portraits on a wall, filmed by a camera that somebody holds.

Real faces, real movement, no camera and no network needed. Every run gives the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assets import asset
from edge.errors import EdgeError
from edge.sources.options import SourceOptions
from edge.sources.played import PlayedSource

PORTRAITS = ("portrait_hopper.jpg", "portrait_collins.jpg")
SIZE = (640, 480)
FPS = 25.0
SECONDS = 10.0

#: Where the camera looks: (second, x, y, width of the view), x and y as shares of the wall. It ends where it began.
_PATH = (
    (0.0, 0.50, 0.44, 1.00),
    (1.5, 0.46, 0.42, 0.90),
    (3.5, 0.29, 0.40, 0.50),
    (5.0, 0.33, 0.42, 0.55),
    (7.0, 0.70, 0.36, 0.48),
    (8.5, 0.62, 0.40, 0.75),
    (10.0, 0.50, 0.44, 1.00),
)


class DemoSource(PlayedSource):
    """The demo as a source, 640x480, 25 frames a second of its own time; see the module."""

    def __init__(self, options: SourceOptions | None = None) -> None:
        """Load the portraits.

        Raises:
            EdgeError: a portrait is missing from the installation.
        """
        super().__init__("demo", FPS, options, FPS)
        self._wall = _wall()

    def _play(self) -> Iterator[Callable[[], NDArray[np.uint8]]]:
        return (partial(self._view, index / FPS) for index in range(int(SECONDS * FPS)))

    def _view(self, second: float) -> NDArray[np.uint8]:
        """Film the wall at a moment: pan, zoom, and the shake and light of a hand-held camera."""
        height, width = self._wall.shape[:2]
        x, y, view = (float(np.interp(second, [p[0] for p in _PATH], [p[i] for p in _PATH])) for i in (1, 2, 3))
        turn = 2 * math.pi * second / SECONDS
        x = x * width + 4 * math.sin(7 * turn) + 2 * math.sin(17 * turn)
        y = y * height + 3 * math.sin(5 * turn + 1) + 2 * math.sin(13 * turn)
        roll = math.radians(1.5) * math.sin(3 * turn)
        scale = SIZE[0] / (view * width)
        cos, sin = scale * math.cos(roll), scale * math.sin(roll)
        matrix = np.array(
            [
                [cos, -sin, SIZE[0] / 2 - cos * x + sin * y],
                [sin, cos, SIZE[1] / 2 - sin * x - cos * y],
            ]
        )
        frame = cv2.warpAffine(self._wall, matrix, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = 1 + 0.06 * math.sin(4 * turn)
        return np.asarray(cv2.convertScaleAbs(frame, alpha=light), np.uint8)


def _wall() -> NDArray[np.uint8]:
    """Hang the portraits side by side, framed, on a plain wall."""
    pictures = []
    for name in PORTRAITS:
        picture = cv2.imread(str(asset(name)), cv2.IMREAD_COLOR)
        if picture is None:
            raise EdgeError(f"{asset(name)} is damaged; install emot-edge again")
        picture = cv2.resize(picture, None, fx=440 / picture.shape[0], fy=440 / picture.shape[0])
        pictures.append(cv2.copyMakeBorder(picture, 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=(60, 62, 66)))
    height = 720
    width = 120 + sum(picture.shape[1] + 60 for picture in pictures)
    wall = np.full((height, width, 3), (176, 184, 190), np.uint8)
    left = 90
    for picture in pictures:
        h, w = picture.shape[:2]
        top = (height - h) // 2 - 30
        wall[top : top + h, left : left + w] = picture
        left += w + 60
    return wall
