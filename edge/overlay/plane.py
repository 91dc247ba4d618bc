"""The valence-arousal plane, with each person's way through it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.canvas import Canvas, Pixel, Rectangle, touch
from edge.overlay.people import color_of, mark_of
from edge.palette import FAINT, PANEL, TEXT, TRACK, Color
from edge.types import Reading, Result

#: Seconds of the way that are kept, and the most points of it.
SECONDS = 3.0
_POINTS = 120

#: Seconds that somebody may be out of view without losing the way so far.
_MEMORY = 1.0

#: A trail is drawn in so many pieces, the older the fainter.
_SHADES = 4


class Trails:
    """Each person's last readings of valence and arousal."""

    def __init__(self) -> None:
        self._points: dict[int, deque[tuple[float, float, float]]] = {}

    def follow(self, result: Result) -> None:
        """Add a result's readings; times that run backwards (a file that begins again) begin anew."""
        now = result.frame.time
        self._points = {
            id: points for id, points in self._points.items() if points and 0 <= now - points[-1][0] <= _MEMORY
        }
        for reading in result.readings:
            points = self._points.setdefault(reading.face.id or 0, deque(maxlen=_POINTS))
            points.append((now, reading.emotion.valence, reading.emotion.arousal))
            while now - points[0][0] > SECONDS:
                points.popleft()

    def of(self, id: int) -> NDArray[np.float64]:
        """Return valence and arousal ``[N, 2]`` of the last seconds, oldest first."""
        return np.array(self._points.get(id, ()), np.float64).reshape(-1, 3)[:, 1:]


def draw_plane(
    canvas: Canvas, readings: Sequence[Reading], trails: Trails | None, person: int | None, area: Rectangle
) -> None:
    """Draw valence to the right, arousal upwards, both -1..1; a mark and, with ``trails``, a line for each person."""
    u = canvas.unit
    x, y, side, _ = area
    radius = side // 2
    middle = (x + radius, y + radius)
    canvas.circle(middle, radius, TRACK)
    canvas.line((middle[0] - radius, middle[1]), (middle[0] + radius, middle[1]), TRACK)
    canvas.line((middle[0], middle[1] - radius), (middle[0], middle[1] + radius), TRACK)
    canvas.text("arousal", middle[0] + round(4 * u), y + round(11 * u), FAINT, 0.34)
    canvas.text("valence", x + side, middle[1] - round(4 * u), FAINT, 0.34, right=True)

    def place(valence: float, arousal: float) -> Pixel:
        return round(middle[0] + valence * radius), round(middle[1] - arousal * radius)

    shown = [reading for reading in readings if person is None or reading.face.id == person]
    if trails is not None:
        for reading in shown:
            way = np.rint(trails.of(reading.face.id or 0) * (radius, -radius) + middle).astype(np.int32)
            _trail(canvas, way, color_of(reading))
    dots = [place(reading.emotion.valence, reading.emotion.arousal) for reading in shown]
    for reading, dot in zip(shown, dots, strict=True):
        canvas.mark(mark_of(reading), dot, 5 * u, color_of(reading), PANEL)
    half = round(6 * u)
    taken: list[Rectangle] = [(dot[0] - half, dot[1] - half, 2 * half, 2 * half) for dot in dots]
    for reading, dot in zip(shown, dots, strict=True):
        if reading.face.id is not None:
            _number(canvas, str(reading.face.id), dot, taken)


def _trail(canvas: Canvas, points: NDArray[np.int32], color: Color) -> None:
    for shade in range(_SHADES):
        first, last = (len(points) * step // _SHADES for step in (shade, shade + 1))
        share = (shade + 1) / _SHADES
        faded = tuple(round(share * a + (1 - share) * b) for a, b in zip(color, TRACK, strict=True))
        canvas.path(points[max(0, first - 1) : last], (faded[0], faded[1], faded[2]))


def _number(canvas: Canvas, text: str, dot: Pixel, taken: list[Rectangle]) -> None:
    """Write a person's number beside the mark, where it hides no other mark and no other number."""
    w, h = canvas.text_size(text, 0.38)
    away = round(8 * canvas.unit)
    for left, top in (
        (dot[0] + away, dot[1] - h // 2),
        (dot[0] - away - w, dot[1] - h // 2),
        (dot[0] - w // 2, dot[1] - away - h),
        (dot[0] - w // 2, dot[1] + away),
    ):
        if not any(touch((left, top, w, h), other) for other in taken):
            canvas.text(text, left, top + h, TEXT, 0.38)
            taken.append((left, top, w, h))
            return
