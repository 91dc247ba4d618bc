"""Which small windows of the search picture show all faces that are followed, at the least cost.

Coordinates are pixels of the *square*: the picture as the search sees it, letterboxed into the full-range network's
square input. A window of it, cut at the same scale and in step with the network's strides, gives nearly the boxes that
the whole square gives. A face that is large in the square is looked at in the square made smaller, 2 or 4 times.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.detect.network import FULL_RANGE
from edge.types import Box

#: Widths and heights of the windows, pixels: narrow ones first, then those that show more around a face, which faces
#: that are hard to see need. Few, since each has an interpreter of its own (about 9 MB).
CHOICES = (
    ((64, 64), (96, 96), (192, 64)),
    ((96, 96), (192, 64), (192, 96)),
)
SIZES = tuple(sorted({size for sizes in CHOICES for size in sizes}))

#: Windows begin at multiples of this, in step with the finer of the network's strides: the last digits of a position,
#: in which processors differ, don't move them.
STEP = 8

#: What a window shows right and left of a face, and above and below it, in sides of its box, at least.
ROOM = (0.5, 0.25)

#: A face may use up this much of that room, in sides, before it gets another window; half of it from the start.
DRIFT = 0.1

#: A face whose box is larger than this, pixels of the square, is looked at half as large; twice that: a quarter.
LARGE = 32.0

#: Windows that cost more than this share of a search are not worth it.
WORTH = 0.7

_SIDE = FULL_RANGE.size

Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Window:
    """A part of the square.

    Attributes:
        shrink: the square is made so many times smaller first: 1, 2 or 4.
        x: left edge in the square made smaller, pixels; may lie outside it.
        y: top edge, likewise.
        size: width and height, of :data:`SIZES`.
        members: which of the faces it is for.
    """

    shrink: int
    x: int
    y: int
    size: Size
    members: tuple[int, ...]

    @property
    def area(self) -> int:
        """Pixels, which is what its cost grows with."""
        return self.size[0] * self.size[1]

    def holds(self, box: Box, content: Box, drift: float = DRIFT) -> bool:
        """Say whether a face (box in the square) has room enough in it; beyond the content there is none to want."""
        x, y, w, h = box
        side = (w + h) / 2
        across, along = (ROOM[0] - drift) * side, (ROOM[1] - drift) * side
        left, top, width, height = content
        return (
            self.x * self.shrink <= max(x - across, left)
            and self.y * self.shrink <= max(y - along, top)
            and min(x + w + across, left + width) <= (self.x + self.size[0]) * self.shrink
            and min(y + h + along, top + height) <= (self.y + self.size[1]) * self.shrink
        )


def shrinkage(box: Box) -> int:
    """Return how many times smaller a face is looked at."""
    side = (box[2] + box[3]) / 2
    return 1 if side < LARGE else 2 if side < 2 * LARGE else 4


def cover(boxes: Sequence[Box], content: Box, sizes: Sequence[Size]) -> list[Window] | None:
    """Return windows in which every face has room.

    Args:
        boxes: the faces, in the square.
        content: where in the square the picture is.
        sizes: of windows, one of :data:`CHOICES`.

    Returns:
        The windows; None where a search of the whole square costs hardly more.
    """
    windows: list[Window] = []
    for index in range(len(boxes)):
        window = _laid((index,), boxes, content, sizes)
        if window is None:
            return None
        windows.append(window)
    while len(windows) > 1:
        # Those that save most when they become one, until none do: all that show the picture in one size, or two.
        groups = [*combinations(windows, 2)] + [
            tuple(window for window in windows if window.shrink == shrink) for shrink in (1, 2, 4)
        ]
        best: tuple[Sequence[Window], Window] | None = None
        saved = 0
        for group in groups:
            joint = _joined(group, boxes, content, sizes)
            if joint is not None and sum(window.area for window in group) - joint.area > saved:
                saved = sum(window.area for window in group) - joint.area
                best = (group, joint)
        if best is None:
            break
        windows = [window for window in windows if window not in best[0]] + [best[1]]
    return windows if sum(window.area for window in windows) <= WORTH * _SIDE**2 else None


def cut(image: NDArray[np.uint8], window: Window, scale: float, left: float, top: float) -> NDArray[np.uint8]:
    """Return a window of a picture ``[H, W, 3]`` as a picture of the window's size.

    Args:
        image: the whole picture.
        window: what to cut.
        scale: how the picture fits into the square, see :func:`edge.detect.blazeface.margins`.
        left: its left margin there, pixels.
        top: its top margin, pixels.
    """
    # A strongly shrunk picture is sampled twice as densely and averaged: at one point in twelve pixels, eyes flicker.
    dense = 2 if window.shrink == 4 else 1
    factor = dense / window.shrink
    width, height = window.size
    matrix = np.array(
        [[scale * factor, 0, left * factor - window.x * dense], [0, scale * factor, top * factor - window.y * dense]]
    )
    picture = cv2.warpAffine(image, matrix, (width * dense, height * dense), flags=cv2.INTER_LINEAR)
    if dense > 1:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)


def _joined(group: Sequence[Window], boxes: Sequence[Box], content: Box, sizes: Sequence[Size]) -> Window | None:
    """Return one window in place of several; None where there is none or they show the picture in several sizes."""
    if len({window.shrink for window in group}) != 1:
        return None
    return _laid(tuple(member for window in group for member in window.members), boxes, content, sizes)


def _laid(members: tuple[int, ...], boxes: Sequence[Box], content: Box, sizes: Sequence[Size]) -> Window | None:
    """Return the smallest window with room for these faces; None where there is none."""
    shrink = shrinkage(boxes[members[0]])
    mine = [boxes[index] for index in members]
    middle_x = (min(x for x, _, _, _ in mine) + max(x + w for x, _, w, _ in mine)) / 2 / shrink
    middle_y = (min(y for _, y, _, _ in mine) + max(y + h for _, y, _, h in mine)) / 2 / shrink
    for size in sorted(sizes, key=math.prod):
        x, y = _start(middle_x, size[0], shrink), _start(middle_y, size[1], shrink)
        window = Window(shrink, x, y, size, members)
        if all(window.holds(box, content, DRIFT / 2) for box in mine):
            return window
    return None


def _start(middle: float, length: int, shrink: int) -> int:
    """Return where a window of a length begins: around the middle, in step, inside the square where it fits."""
    whole = _SIDE // shrink
    if length >= whole:
        return (whole - length) // 2
    return min(max(round((middle - length / 2) / STEP) * STEP, 0), whole - length)
