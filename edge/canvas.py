"""Text, marks and lines on a picture, in units that grow with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.palette import INK, Color, Mark

#: x, y, width, height in pixels.
Rectangle = tuple[int, int, int, int]
Pixel = tuple[int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX

#: OpenCV 4 draws other letters than these as question marks, one for each byte.
_ASCII_ONLY = int(cv2.__version__.partition(".")[0]) < 5


def _outline(mark: Mark) -> NDArray[np.float64]:
    """Return a mark's corners around (0, 0), y downwards; its area is about that of a circle with radius 1."""
    cross = [(-0.35, -1.1), (0.35, -1.1), (0.35, -0.35), (1.1, -0.35), (1.1, 0.35), (0.35, 0.35)]
    plus = [*cross, *((-x, -y) for x, y in cross)]
    turn = math.sqrt(0.5)
    shapes: dict[Mark, list[tuple[float, float]]] = {
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "up": [(0, -1.25), (1.2, 0.9), (-1.2, 0.9)],
        "down": [(0, 1.25), (1.2, -0.9), (-1.2, -0.9)],
        "diamond": [(0, -1.35), (1.05, 0), (0, 1.35), (-1.05, 0)],
        "plus": plus,
        "cross": [((x - y) * turn, (x + y) * turn) for x, y in plus],
        "star": [
            (
                (1.4 if t % 2 == 0 else 0.6) * math.sin(t * math.pi / 5),
                (-1.4 if t % 2 == 0 else -0.6) * math.cos(t * math.pi / 5),
            )
            for t in range(10)
        ],
    }
    return np.array(shapes[mark], np.float64)


_OUTLINES: dict[Mark, NDArray[np.float64]] = {
    mark: _outline(mark) for mark in ("square", "up", "down", "diamond", "plus", "cross", "star")
}

#: Binary digits after the point in coordinates handed to OpenCV, so that small marks keep their shape.
_SHIFT = 4


class Canvas:
    """A BGR picture to draw on; ``unit`` is 1 for a picture 480 pixels high and scales text and lines."""

    def __init__(self, image: NDArray[np.uint8], unit: float = 1.0) -> None:
        self.image = image
        self.unit = unit

    def text(self, text: str, x: int, baseline: int, color: Color, size: float = 0.45, *, right: bool = False) -> None:
        """Write one line; ``right`` makes ``x`` its right end."""
        text = _drawable(text)
        if right:
            x -= self.text_size(text, size)[0]
        cv2.putText(self.image, text, (x, baseline), _FONT, size * self.unit, color, self._thin, cv2.LINE_AA)

    def text_size(self, text: str, size: float = 0.45) -> tuple[int, int]:
        """Return width and height of a line in pixels, what hangs below its baseline not included."""
        (width, height), _ = cv2.getTextSize(_drawable(text), _FONT, size * self.unit, self._thin)
        return width, height

    def fitting(self, text: str, size: float, width: int) -> float:
        """Return ``size``, or the smaller one at which a line is no wider than ``width`` pixels.

        OpenCV 4 and 5 draw the same font name with letters of different width.
        """
        return min(size, size * width / max(1, self.text_size(text, size)[0]))

    def wrapped(self, words: Sequence[str], size: float, width: int, between: str = " ") -> list[str]:
        """Return lines no wider than ``width`` pixels that hold the words in order; a longer word has its own line."""
        lines: list[str] = []
        for word in words:
            longer = f"{lines[-1]}{between}{word}" if lines else ""
            if longer and self.text_size(longer, size)[0] <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def fill(self, area: Rectangle, color: Color) -> None:
        """Fill a rectangle; parts outside the picture are left out, an empty one draws nothing."""
        x, y, w, h = area
        if w > 0 and h > 0:
            cv2.rectangle(self.image, (x, y), (x + w - 1, y + h - 1), color, cv2.FILLED)

    def line(self, start: Pixel, end: Pixel, color: Color) -> None:
        """Draw a straight thin line."""
        cv2.line(self.image, start, end, color, self._thin, cv2.LINE_AA)

    def circle(self, middle: Pixel, radius: int, color: Color) -> None:
        """Draw a thin circle."""
        cv2.circle(self.image, middle, radius, color, self._thin, cv2.LINE_AA)

    def dot(self, middle: Pixel, radius: int, color: Color) -> None:
        """Draw a filled circle."""
        cv2.circle(self.image, middle, radius, color, cv2.FILLED, cv2.LINE_AA)

    def mark(self, mark: Mark, middle: Pixel, radius: float, color: Color, edge: Color | None = None) -> None:
        """Draw a filled mark of about ``radius`` pixels, with a thin ``edge`` where it lies on other drawings."""
        fine = 1 << _SHIFT
        if mark == "circle":  # many short edges would come out as an octagon
            centre, size = (middle[0] * fine, middle[1] * fine), round(radius * fine)
            if edge is not None:
                cv2.circle(self.image, centre, size, edge, 2 + self._thin, cv2.LINE_AA, _SHIFT)
            cv2.circle(self.image, centre, size, color, cv2.FILLED, cv2.LINE_AA, _SHIFT)
            return
        points = np.rint((_OUTLINES[mark] * radius + middle) * fine).astype(np.int32)
        if edge is not None:
            cv2.polylines(self.image, [points], True, edge, 2 + self._thin, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.image, [points], color, cv2.LINE_AA, _SHIFT)

    def path(self, points: NDArray[np.int32], color: Color) -> None:
        """Draw a thin line through points ``[N, 2]``."""
        if len(points) > 1:
            cv2.polylines(self.image, [points], False, color, self._thin, cv2.LINE_AA)

    def corners(self, box: Rectangle, color: Color) -> None:
        """Outline a face by the four corners of its box, which leaves the face itself free."""
        x, y, w, h = box
        arm = max(4, min(w, h) // 5)
        thick = max(2, round(2.2 * self.unit))
        for ink, width in ((INK, thick + 2), (color, thick)):  # a dark edge, so that it shows on light walls too
            for cx, cy, dx, dy in ((x, y, 1, 1), (x + w, y, -1, 1), (x, y + h, 1, -1), (x + w, y + h, -1, -1)):
                elbow = np.array([(cx + dx * arm, cy), (cx, cy), (cx, cy + dy * arm)], np.int32)
                cv2.polylines(self.image, [elbow], False, ink, width, cv2.LINE_AA)

    def tag(self, text: str, area: Rectangle, color: Color, ink: Color) -> None:
        """Write text on a filled rectangle that :meth:`place_tag` chose."""
        x, y, _, h = area
        self.fill(area, color)
        pad = round(6 * self.unit)
        self.text(text, x + pad, y + h - pad, ink, 0.45)

    def place_tag(self, text: str, head: Rectangle, picture: Rectangle, taken: Sequence[Rectangle]) -> Rectangle | None:
        """Return where a tag fits: above the head, below, right or left of it; None where everything is taken.

        Args:
            text: what it will say.
            head: the head it belongs to.
            picture: it must lie inside.
            taken: it must touch none of these (heads and other tags).
        """
        w, h = self.text_size(text)
        pad = round(6 * self.unit)
        w, h = w + 2 * pad, h + 2 * pad
        x, y, hw, hh = head
        px, py, pw, ph = picture
        middle = x + (hw - w) // 2
        inside = min(max(middle, px), px + pw - w)
        for left, top in (
            (inside, y - h),
            (inside, y + hh),
            (x + hw, y + hh // 8),
            (x - w, y + hh // 8),
        ):
            area = (left, top, w, h)
            fits = left >= px and top >= py and left + w <= px + pw and top + h <= py + ph
            if fits and not any(touch(area, other) for other in taken):
                return area
        return None

    @property
    def _thin(self) -> int:
        return max(1, round(self.unit))


def touch(a: Rectangle, b: Rectangle) -> bool:
    """Say whether two rectangles share a pixel."""
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def _drawable(text: str) -> str:
    return text.encode("ascii", "replace").decode() if _ASCII_ONLY else text
