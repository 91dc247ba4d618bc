"""What lies on the picture itself: outlines, landmarks, and tags that hide no face."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.canvas import Canvas, Rectangle
from edge.overlay.people import color_of
from edge.palette import FAINT, INK, TEXT, ink_on
from edge.types import Reading


@dataclasses.dataclass(frozen=True)
class View:
    """Maps pixels of the frame to where they are shown.

    Attributes:
        area: the picture's place, pixels.
        scale: shown pixels per pixel of the frame.
        mirror: left and right are exchanged.
    """

    area: Rectangle
    scale: float
    mirror: bool

    def box(self, box: tuple[float, float, float, float]) -> Rectangle:
        """Return where a box of the frame is shown."""
        x, y, w, h = (round(value * self.scale) for value in box)
        left, top, width, _ = self.area
        return (left + width - x - w if self.mirror else left + x), top + y, w, h

    def point(self, point: tuple[float, float]) -> tuple[int, int]:
        """Return where a point of the frame is shown."""
        x, y = round(point[0] * self.scale), round(point[1] * self.scale)
        left, top, width, _ = self.area
        return (left + width - x if self.mirror else left + x), top + y


def draw_frame(image: NDArray[np.uint8], frame: NDArray[np.uint8], view: View, stale: bool) -> None:
    """Show the frame at its place."""
    x, y, w, h = view.area
    place = image[y : y + h, x : x + w]
    # Averaging over whole pairs of pixels is fast, and keeps what follows from jagging; averaging over shares of pixels
    # (INTER_AREA at any other scale) costs four times as much as all the rest of a drawing.
    while frame.shape[1] >= 2 * w and frame.shape[0] >= 2 * h:
        half = (frame.shape[1] // 2, frame.shape[0] // 2)
        frame = np.asarray(cv2.resize(frame, half, interpolation=cv2.INTER_AREA), np.uint8)
    large = frame.shape[1] > w
    if view.mirror and not large:
        frame = np.asarray(cv2.flip(frame, 1), np.uint8)
    if frame.shape[:2] == (h, w):
        place[:] = frame
    else:
        cv2.resize(frame, (w, h), dst=place, interpolation=cv2.INTER_LINEAR)
    if view.mirror and large:
        place[:] = cv2.flip(place, 1)
    if stale:
        place[:] = cv2.convertScaleAbs(place, alpha=0.4)


def draw_faces(
    canvas: Canvas, readings: Sequence[Reading], view: View, layers: frozenset[str], person: int | None
) -> None:
    """Outline each face, mark its landmarks, and hang its tag where it hides no face and no other tag."""
    outlines = [view.box(reading.face.box) for reading in readings]
    whole = canvas.image
    x, y, w, h = view.area
    # Nothing of a face at the rim may be drawn into the panel.
    canvas.image = whole[: y + h, : x + w]
    try:
        for reading, outline in zip(readings, outlines, strict=True):
            if "boxes" in layers:
                other = person is not None and reading.face.id != person
                canvas.corners(outline, FAINT if other else color_of(reading))
            if "landmarks" in layers:
                for point in reading.face.landmarks:
                    radius = max(1, round(1.5 * canvas.unit))
                    canvas.dot(view.point(point), radius + 1, INK)
                    canvas.dot(view.point(point), radius, TEXT)
        if "labels" in layers:
            _tags(canvas, readings, outlines, view.area)
    finally:
        canvas.image = whole


def _tags(canvas: Canvas, readings: Sequence[Reading], outlines: Sequence[Rectangle], picture: Rectangle) -> None:
    taken = [head(outline) for outline in outlines]
    for reading, outline in zip(readings, outlines, strict=True):
        emotion = reading.emotion
        id = "" if reading.face.id is None else f"{reading.face.id}"
        # In a crowd, less is said: the panel has the rest.
        for text in (f"{id}  {emotion.label}  {max(emotion.probabilities):.0%}", f"{id}  {emotion.label}", id):
            place = canvas.place_tag(text.strip(), head(outline), picture, taken) if text.strip() else None
            if place:
                color = color_of(reading)
                canvas.tag(text.strip(), place, color, ink_on(color))
                taken.append(place)
                break


def head(box: Rectangle) -> Rectangle:
    """Return the whole head: detectors' boxes end at the forehead."""
    x, y, w, h = box
    return x - w // 20, y - 2 * h // 5, w + w // 10, h + 2 * h // 5 + h // 12
