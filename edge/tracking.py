"""Stable ids for faces from frame to frame."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from edge.types import Box, Face

#: Seconds a person may be out of sight and still get the old id back.
MEMORY = 1.0

#: A face further from the predicted place than this many face widths is another person.
REACH = 1.0

#: Largest ratio of sizes (or its inverse) between a track and its next face.
GROWTH = 1.8


@dataclasses.dataclass
class _Track:
    """A person being followed: where the box centre was, how fast it moves (pixels a second), and when it was seen."""

    id: int
    box: Box
    time: float
    vx: float = 0.0
    vy: float = 0.0

    def predicted(self, time: float) -> tuple[float, float]:
        """Return the expected centre. The guess is held back by half a second: people stop and turn."""
        dt = min(time - self.time, 0.5)
        x, y = centre(self.box)
        return x + self.vx * dt, y + self.vy * dt


class Tracker:
    """Gives each face the id it had before, by predicted place and size.

    Ids count up from 1, are never used twice, and mean nothing after the end of the run.
    """

    def __init__(self, memory: float = MEMORY) -> None:
        """Start without tracks; ``memory`` is in seconds."""
        self._memory = memory
        self._tracks: list[_Track] = []
        self._next = 1

    def update(self, faces: Sequence[Face], time: float) -> list[Face]:
        """Return the same faces with ids, in the order of their ids.

        Args:
            faces: all faces of one frame.
            time: the frame's time in seconds; it must not run backwards (a jump forgets everybody).
        """
        self._tracks = [t for t in self._tracks if 0 <= time - t.time <= self._memory]
        pairs = sorted(
            (cost, row, column)
            for row, track in enumerate(self._tracks)
            for column, face in enumerate(faces)
            if (cost := _cost(track, face, time)) is not None
        )
        owner: dict[int, _Track] = {}
        taken: set[int] = set()
        # Nearest pairs first. With the handful of faces a frame holds this differs from the optimal assignment only
        # where two people are equally near to two places, and there no geometry knows better.
        for _, row, column in pairs:
            if row not in taken and column not in owner:
                taken.add(row)
                owner[column] = self._tracks[row]
        named = []
        for column, face in enumerate(faces):
            track = owner.get(column)
            if track is None:
                track = _Track(self._next, face.box, time)
                self._tracks.append(track)
                self._next += 1
            else:
                _move(track, face.box, time)
            named.append(dataclasses.replace(face, id=track.id))
        return sorted(named, key=lambda face: face.id or 0)

    @property
    def ids(self) -> frozenset[int]:
        """Ids of everybody seen within the memory."""
        return frozenset(track.id for track in self._tracks)


def centre(box: Box) -> tuple[float, float]:
    """Return the centre of a box, pixels."""
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def overlap(box: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, 0..1."""
    across = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    along = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    common = max(across, 0.0) * max(along, 0.0)
    either = box[2] * box[3] + other[2] * other[3] - common
    return common / either if either > 0 else 0.0


def _cost(track: _Track, face: Face, time: float) -> float | None:
    """Distance from the predicted place in face widths plus the log of the size ratio; None where it can't be."""
    size, other = track.box[2], face.box[2]
    if size <= 0 or other <= 0 or not 1 / GROWTH <= other / size <= GROWTH:
        return None
    px, py = track.predicted(time)
    x, y = centre(face.box)
    distance = math.hypot(x - px, y - py) / max(size, other)
    return distance + abs(math.log(other / size)) if distance <= REACH else None


def _move(track: _Track, box: Box, time: float) -> None:
    dt = time - track.time
    if dt > 0:
        (x0, y0), (x1, y1) = centre(track.box), centre(box)
        weight = 1 - math.exp(-dt / 0.15)  # velocity averaged over about 0.15 s: box jitter is not movement
        track.vx += weight * ((x1 - x0) / dt - track.vx)
        track.vy += weight * ((y1 - y0) / dt - track.vy)
    track.box, track.time = box, time
