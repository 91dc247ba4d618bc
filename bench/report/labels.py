"""Names beside the points of a plot, none over another and none over a mark."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

#: Width of a character and height of a line of the type in plots, pixels: a little more than common fonts take.
CHARACTER, LINE = 6.7, 15.0

#: Left, right, top, bottom; pixels.
Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Label:
    """A name and where it stands.

    Attributes:
        x: of its anchor, pixels.
        y: of its base line.
        anchor: ``start``, ``middle`` or ``end``.
        box: what it covers.
        far: whether a thread has to lead to its point.
    """

    x: float
    y: float
    anchor: str
    box: Box
    far: bool


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a place."""
    return one[0] < other[1] and one[1] > other[0] and one[2] < other[3] and one[3] > other[2]


def beside(x: float, y: float, name: str, within: Box, taken: Sequence[Box], reach: int = 1) -> Label | None:
    """Return a free place for a name near a point; None where there is none.

    Args:
        x: the point, pixels.
        y: likewise.
        name: what is to be written.
        within: where names may stand.
        taken: what may not be covered.
        reach: how many lines further off to look; from the second on the name needs a thread.
    """
    width = CHARACTER * len(name)
    for step in range(reach):
        for dy in dict.fromkeys((-LINE * step, LINE * step)):
            spots = (
                [(x + 10, "start"), (x - 10, "end"), (x, "middle")] if step else [(x + 10, "start"), (x - 10, "end")]
            )
            for at, anchor in spots:
                left = {"start": at, "end": at - width, "middle": at - width / 2}[anchor]
                middle = y + dy
                box = (left, left + width, middle - LINE / 2, middle + LINE / 2)
                inside = within[0] <= box[0] and box[1] <= within[1] and within[2] <= box[2] and box[3] <= within[3]
                if inside and not any(overlap(box, other) for other in taken):
                    return Label(at, middle + 4, anchor, box, step > 1)
    return None


def apart(heights: Sequence[float], low: float, high: float, gap: float = LINE) -> list[float]:
    """Return heights near the given ones, ``gap`` apart where ``low..high`` has room for that, in their order."""
    count = len(heights)
    order = sorted(range(count), key=lambda index: heights[index])
    step = min(gap, (high - low) / max(1, count - 1))
    placed = [heights[index] for index in order]
    for _ in range(200):
        moved = False
        for i in range(count - 1):
            if (lack := step - (placed[i + 1] - placed[i])) > 0.01:
                placed[i] -= lack / 2
                placed[i + 1] += lack / 2
                moved = True
        for i in range(count):
            placed[i] = min(max(placed[i], low + i * step), high - (count - 1 - i) * step)
        if not moved:
            break
    found = [0.0] * count
    for place, index in enumerate(order):
        found[index] = placed[place]
    return found
