"""Text, boxes and lines on a picture, in units that grow with it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.palette import INK, Color

#: x, y, width, height in pixels.
Rectangle = tuple[int, int, int, int]
Pixel = tuple[int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Canvas:
    """A BGR picture to draw on; ``unit`` is 1 for a picture 480 pixels high and scales text and lines."""

    def __init__(self, image: NDArray[np.uint8], unit: float = 1.0) -> None:
        self.image = image
        self.unit = unit

    def text(self, text: str, x: int, baseline: int, color: Color, size: float = 0.45, *, right: bool = False) -> None:
        """Write one line; ``right`` makes ``x`` its right end."""
        if right:
            x -= self.text_size(text, size)[0]
        cv2.putText(self.image, text, (x, baseline), _FONT, size * self.unit, color, self._thin, cv2.LINE_AA)

    def text_size(self, text: str, size: float = 0.45) -> tuple[int, int]:
        """Return width and height of a line in pixels, what hangs below its baseline not included."""
        (width, height), _ = cv2.getTextSize(text, _FONT, size * self.unit, self._thin)
        return width, height

    def fitting(self, text: str, size: float, width: int) -> float:
        """Return ``size``, or the smaller one at which a line is no wider than ``width`` pixels.

        OpenCV 4 and 5 draw the same font name with letters of different width.
        """
        return min(size, size * width / max(1, self.text_size(text, size)[0]))

    def fill(self, area: Rectangle, color: Color) -> None:
        """Fill a rectangle; parts outside the picture are left out, an empty one draws nothing."""
        x, y, w, h = area
        self.image[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = color

    def line(self, start: Pixel, end: Pixel, color: Color) -> None:
        """Draw a straight thin line."""
        cv2.line(self.image, start, end, color, self._thin, cv2.LINE_AA)

    def circle(self, middle: Pixel, radius: int, color: Color) -> None:
        """Draw a thin circle."""
        cv2.circle(self.image, middle, radius, color, self._thin, cv2.LINE_AA)

    def dot(self, middle: Pixel, radius: int, color: Color) -> None:
        """Draw a filled circle."""
        cv2.circle(self.image, middle, radius, color, cv2.FILLED, cv2.LINE_AA)

    def path(self, points: Sequence[Pixel], color: Color) -> None:
        """Draw a thin line through points."""
        if len(points) > 1:
            cv2.polylines(self.image, [np.array(points, np.int32)], False, color, self._thin, cv2.LINE_AA)

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
