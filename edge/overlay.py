"""Draw a result on its own frame: boxes and tags in the picture, everything else in a panel beside it.

Bars and plots never lie on the picture, so they cannot cover a face, however many there are and wherever they walk.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.canvas import Canvas, Rectangle
from edge.palette import FAINT, INK, PANEL, TEXT, TRACK, emotion_color
from edge.types import Reading, Result

#: The picture is shown at least and at most this high, pixels, so that text is legible beside small and large frames.
HEIGHTS = (480, 1080)

#: Width of the panel, as a share of the shown height.
_PANEL = 0.44

_TRAIL = 25


class Overlay:
    """Draws results; keeps each person's way through the valence-arousal plane."""

    def __init__(self) -> None:
        self._trails: dict[int, deque[tuple[float, float]]] = {}
        self._drawn: tuple[Result, NDArray[np.uint8]] | None = None

    def draw(self, result: Result) -> NDArray[np.uint8]:
        """Return a new BGR picture; the frame itself is not touched. Several sinks of one frame share the drawing."""
        if self._drawn is None or self._drawn[0] is not result:
            self._follow(result)
            self._drawn = (result, self._draw(result))
        return self._drawn[1]

    def _draw(self, result: Result) -> NDArray[np.uint8]:
        height, width = result.frame.image.shape[:2]
        shown = min(max(height, HEIGHTS[0]), HEIGHTS[1])
        scale = shown / height
        wide = round(width * scale)
        panel = round(_PANEL * shown)
        image = np.empty((shown, wide + panel, 3), np.uint8)
        method = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
        cv2.resize(result.frame.image, (wide, shown), dst=image[:, :wide], interpolation=method)
        image[:, wide:] = PANEL
        canvas = Canvas(image, unit=shown / 480)
        self._boxes(canvas, result, scale, (0, 0, wide, shown))
        self._panel(canvas, result, (wide, 0, panel, shown))
        return image

    def _boxes(self, canvas: Canvas, result: Result, scale: float, picture: Rectangle) -> None:
        """Outline each face and hang its tag where it hides no face and no other tag."""
        outlines = [_scaled(reading, scale) for reading in result.readings]
        taken = [_head(outline) for outline in outlines]
        for reading, outline in zip(result.readings, outlines, strict=True):
            canvas.corners(outline, _color(reading))
        for reading, outline in zip(result.readings, outlines, strict=True):
            text = f"{reading.face.id}  {reading.emotion.label}  {max(reading.emotion.probabilities):.0%}"
            place = canvas.place_tag(text, _head(outline), picture, taken)
            if place:
                canvas.tag(text, place, _color(reading), INK)
                taken.append(place)

    def _panel(self, canvas: Canvas, result: Result, panel: Rectangle) -> None:
        """Header, one card a person, and the valence-arousal plot."""
        u = canvas.unit
        left, _, width, height = panel
        margin = round(14 * u)
        x, inner = left + margin, width - 2 * margin
        people = len(result.readings)
        canvas.text(f"{result.fps:.0f} FPS", x, round(26 * u), TEXT, 0.52)
        faces = f"{people} face" + ("" if people == 1 else "s")
        canvas.text(faces, x + inner, round(26 * u), TEXT, 0.52, right=True)
        stages = "  ".join(f"{name} {value:.1f}" for name, value in result.timings_ms.items() if name in _STAGES)
        canvas.text(f"{stages} ms", x, round(44 * u), FAINT, canvas.fitting(f"{stages} ms", 0.36, inner))
        plot = round(150 * u)
        top, bottom = round(58 * u), height - plot - round(30 * u)
        self._cards(canvas, result, (x, top, inner, bottom - top))
        self._plane(canvas, result, (x + (inner - plot) // 2, height - plot - round(20 * u), plot, plot))

    def _cards(self, canvas: Canvas, result: Result, area: Rectangle) -> None:
        """One card a person: all bars where there is room, else the strongest few, else names alone."""
        u = canvas.unit
        x, top, width, height = area
        row, head, gap = round(14 * u), round(22 * u), round(8 * u)
        readings = list(result.readings)
        fit = max(1, height // (head + gap))
        shown = readings if len(readings) <= fit else readings[: fit - 1]
        if not readings:
            canvas.text("nobody in view", x, top + row, FAINT, 0.42)
            return
        bars = max(0, (height // max(1, len(shown)) - head - gap) // row)
        y = top
        for reading in shown:
            emotion = reading.emotion
            color = _color(reading)
            canvas.fill((x, y + round(4 * u), round(10 * u), round(10 * u)), color)
            canvas.text(f"{reading.face.id}  {emotion.label}", x + round(18 * u), y + round(14 * u), TEXT, 0.46)
            canvas.text(f"{max(emotion.probabilities):.0%}", x + width, y + round(14 * u), TEXT, 0.46, right=True)
            y += head
            count = min(bars, len(emotion.labels))
            kept = sorted(np.argsort(emotion.probabilities)[::-1][:count].tolist())
            for index in kept:
                self._bar(canvas, emotion.labels[index], index, emotion.probabilities[index], (x, y, width, row))
                y += row
            y += gap
        if len(shown) < len(readings):
            canvas.text(f"and {len(readings) - len(shown)} more", x, y + round(12 * u), FAINT, 0.42)

    def _bar(self, canvas: Canvas, label: str, index: int, value: float, area: Rectangle) -> None:
        u = canvas.unit
        x, y, width, height = area
        start = x + round(66 * u)
        full = width - (start - x)
        thick = round(7 * u)
        top = y + (height - thick) // 2
        canvas.text(label, x, y + round(10.5 * u), FAINT, 0.36)
        canvas.fill((start, top, full, thick), TRACK)
        canvas.fill((start, top, round(full * value), thick), emotion_color(label, index))

    def _plane(self, canvas: Canvas, result: Result, area: Rectangle) -> None:
        """Valence to the right, arousal upwards, both -1..1; a dot and its trail for each person."""
        u = canvas.unit
        x, y, side, _ = area
        middle, radius = (x + side // 2, y + side // 2), side // 2
        canvas.circle(middle, radius, TRACK)
        canvas.line((middle[0] - radius, middle[1]), (middle[0] + radius, middle[1]), TRACK)
        canvas.line((middle[0], middle[1] - radius), (middle[0], middle[1] + radius), TRACK)
        canvas.text("arousal", middle[0] + round(4 * u), y + round(11 * u), FAINT, 0.34)
        canvas.text("valence", x + side, middle[1] - round(4 * u), FAINT, 0.34, right=True)
        for reading in result.readings:
            color = _color(reading)
            trail = [
                (round(middle[0] + v * radius), round(middle[1] - a * radius))
                for v, a in self._trails.get(reading.face.id or 0, ())
            ]
            canvas.path(trail, color)
            if trail:
                canvas.dot(trail[-1], round(5 * u), color)
                canvas.text(str(reading.face.id), trail[-1][0] + round(8 * u), trail[-1][1] + round(4 * u), TEXT, 0.38)

    def _follow(self, result: Result) -> None:
        there = {reading.face.id or 0 for reading in result.readings}
        self._trails = {id: trail for id, trail in self._trails.items() if id in there}
        for reading in result.readings:
            trail = self._trails.setdefault(reading.face.id or 0, deque(maxlen=_TRAIL))
            trail.append((reading.emotion.valence, reading.emotion.arousal))


_STAGES = ("detect", "crop", "classify")


def _color(reading: Reading) -> tuple[int, int, int]:
    label = reading.emotion.label
    return emotion_color(label, reading.emotion.labels.index(label))


def _scaled(reading: Reading, scale: float) -> Rectangle:
    x, y, w, h = (round(value * scale) for value in reading.face.box)
    return x, y, w, h


def _head(box: Rectangle) -> Rectangle:
    """Return the whole head: detectors' boxes end at the forehead."""
    x, y, w, h = box
    return x - w // 20, y - 2 * h // 5, w + w // 10, h + 2 * h // 5 + h // 12
