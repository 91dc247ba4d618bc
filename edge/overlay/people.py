"""What is shown of each person: colour, mark, name."""

from __future__ import annotations

from edge.palette import Color, Mark, emotion_color, emotion_mark
from edge.types import Reading


def color_of(reading: Reading) -> Color:
    """Return the colour of what somebody shows most."""
    label = reading.emotion.label
    return emotion_color(label, reading.emotion.labels.index(label))


def mark_of(reading: Reading) -> Mark:
    """Return the mark of what somebody shows most."""
    label = reading.emotion.label
    return emotion_mark(label, reading.emotion.labels.index(label))
