"""Which colour and mark stand for which emotion, and what the plot's dots and lines mean."""

from __future__ import annotations

from collections.abc import Sequence

from edge.canvas import Canvas, Rectangle
from edge.overlay.plane import SECONDS
from edge.palette import FAINT, TEXT, emotion_color, emotion_mark

_ROW = 15
_WORDS = ("mark with number: a person, now", f"line: the last {SECONDS:.0f} seconds, newest brightest")


def legend_height(labels: Sequence[str], plot: bool) -> int:
    """Return its height, units."""
    return _ROW * (-(-len(labels) // 2) + (len(_WORDS) if plot else 0)) + 8


def draw_legend(canvas: Canvas, labels: Sequence[str], plot: bool, area: Rectangle) -> None:
    """Draw it, in two columns; ``plot`` adds what the plot's marks mean."""
    u = canvas.unit
    x, y, width, _ = area
    rows = -(-len(labels) // 2)
    for index, label in enumerate(labels):
        left = x + (index // rows) * (width // 2)
        baseline = y + round((_ROW * (index % rows) + 16) * u)
        canvas.mark(
            emotion_mark(label, index),
            (left + round(6 * u), baseline - round(4 * u)),
            4 * u,
            emotion_color(label, index),
        )
        room = width // 2 - round(20 * u)
        canvas.text(label, left + round(16 * u), baseline, TEXT, canvas.fitting(label, 0.38, room))
    if plot:
        for line, words in enumerate(_WORDS):
            baseline = y + round((_ROW * (rows + line) + 17) * u)
            canvas.text(words, x, baseline, FAINT, canvas.fitting(words, 0.34, width))
