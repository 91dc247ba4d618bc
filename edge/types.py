"""What flows through the runtime: small frozen records. Pixels of the source frame, seconds, probabilities."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: uint8 ``[H, W, 3]``, BGR.
        time: seconds in the source for files, seconds since the epoch for live sources.
        index: counts the source's frames from 0, dropped ones included.
        captured: ``time.perf_counter()`` when the picture arrived; 0 where nobody looked at the clock.
        lores: the same moment in a smaller picture ``[h, w, 3]``, BGR, from cameras that give two; faces are searched
            in it, and cropped from ``image``.
    """

    image: NDArray[np.uint8]
    time: float
    index: int
    captured: float = 0.0
    lores: NDArray[np.uint8] | None = None


@dataclasses.dataclass(frozen=True)
class Face:
    """A face found in one frame.

    Attributes:
        box: ``(x, y, width, height)`` in pixels of the frame, from the corner of its first pixel; may reach outside.
        score: detector's confidence, 0..1.
        landmarks: points in pixels: right eye, left eye, nose tip, mouth, right ear, left ear (the person's own right
            and left); fewer or none where a detector gives fewer.
        id: the tracker's number for this person since start, from 1; None before tracking. Not an identity.
    """

    box: Box
    score: float
    landmarks: tuple[Point, ...] = ()
    id: int | None = None


@dataclasses.dataclass(frozen=True)
class Emotion:
    """What the network reads in one face.

    Attributes:
        probabilities: one per label, in the model's label order; they sum to one.
        labels: the model's labels.
        valence: unpleasant to pleasant, -1..1.
        arousal: calm to excited, -1..1.
    """

    probabilities: tuple[float, ...]
    labels: tuple[str, ...]
    valence: float
    arousal: float

    @property
    def label(self) -> str:
        """The label with the highest probability."""
        return self.labels[int(np.argmax(self.probabilities))]


@dataclasses.dataclass(frozen=True)
class Reading:
    """One face together with its (smoothed) emotion."""

    face: Face
    emotion: Emotion


@dataclasses.dataclass(frozen=True)
class Result:
    """Everything known about one frame.

    Attributes:
        frame: the very frame it was computed from.
        source: name of the source.
        readings: one per face seen in this frame, in the order of their ids.
        timings_ms: milliseconds of each stage (``detect``, ``track``, ``crop``, ``classify``, ``total``), and from the
            frame's arrival to this result (``latency``) where its arrival is known.
        fps: frames processed per second, averaged over the last second or so.
        dropped: frames of a live source that were replaced by newer ones so far.
    """

    frame: Frame
    source: str
    readings: tuple[Reading, ...]
    timings_ms: dict[str, float]
    fps: float = 0.0
    dropped: int = 0
