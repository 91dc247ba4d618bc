"""The probability of every emotion, one card a person."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from edge.canvas import Canvas, Rectangle
from edge.overlay.people import color_of, mark_of
from edge.palette import FAINT, TEXT, TRACK, emotion_color
from edge.types import Emotion, Reading

#: Heights in units: a person's line, a bar, the space between cards, and a bar of all emotions in one.
_HEAD, _ROW, _GAP, _STACK = 20, 14, 8, 6

#: Fewer bars than this say less than one bar in the colours of all emotions.
_FEWEST = 3


def least_height(readings: Sequence[Reading], person: int | None) -> int:
    """Return the height to keep free, units: a line for each of up to ten, or the one shown person's every bar."""
    chosen = [reading for reading in readings if reading.face.id == person]
    if person is not None and chosen:
        return _HEAD + _ROW * (len(chosen[0].emotion.labels) + 1)
    return _HEAD * min(max(1, len(readings)), 10)


def draw_cards(canvas: Canvas, readings: Sequence[Reading], person: int | None, area: Rectangle) -> None:
    """Draw a card for each person: all bars where there is room, else the strongest few, else all in one bar."""
    u = canvas.unit
    x, top, width, height = area
    if person is not None:
        readings = [reading for reading in readings if reading.face.id == person]
    if not readings:
        words = "nobody in view" if person is None else f"{person} is not in view"
        canvas.text(words, x, top + round(_ROW * u), FAINT, canvas.fitting(words, 0.42, width))
        return
    if person is not None and height >= least_height(readings, person) * u:
        emotion = readings[0].emotion
        words = f"valence {emotion.valence:+.2f}   arousal {emotion.arousal:+.2f}"
        canvas.text(words, x, top + height - round(4 * u), FAINT, canvas.fitting(words, 0.36, width))
        height -= round(_ROW * u)
    each = height / u / len(readings)
    bars = min(int((each - _HEAD - (_GAP if person is None else 0)) // _ROW), len(readings[0].emotion.labels))
    stacked = bars < _FEWEST and each >= _HEAD + _STACK
    if bars < _FEWEST:
        bars = 0
    step = _HEAD + bars * _ROW + (_STACK if stacked else 0) + (_GAP if bars else 0)
    fit = max(1, int(height / u // step))
    shown = readings if len(readings) <= fit else readings[: fit - 1]
    y = float(top)
    for reading in shown:
        emotion = reading.emotion
        _headline(canvas, reading, (x, round(y), width, round(_HEAD * u)))
        below = round(y + _HEAD * u)
        if stacked:
            _stack(canvas, emotion, (x, below - round(2 * u), width, round((_STACK - 2) * u)))
        strongest = sorted(range(len(emotion.labels)), key=emotion.probabilities.__getitem__, reverse=True)
        for index in sorted(strongest[:bars]):
            row = (x, below, width, round(_ROW * u))
            _bar(canvas, emotion.labels[index], index, emotion.probabilities[index], row)
            below += round(_ROW * u)
        y += step * u
    if len(shown) < len(readings):
        canvas.text(f"and {len(readings) - len(shown)} more", x, round(y + 13 * u), FAINT, 0.42)


def _headline(canvas: Canvas, reading: Reading, area: Rectangle) -> None:
    u = canvas.unit
    x, y, width, _ = area
    id = "" if reading.face.id is None else f"{reading.face.id}  "
    percent = f"{max(reading.emotion.probabilities):.0%}"
    canvas.mark(mark_of(reading), (x + round(6 * u), y + round(9 * u)), 5 * u, color_of(reading))
    canvas.text(percent, x + width, y + round(14 * u), TEXT, 0.46, right=True)
    room = width - round(24 * u) - canvas.text_size(percent, 0.46)[0]
    words = f"{id}{reading.emotion.label}"
    canvas.text(words, x + round(18 * u), y + round(14 * u), TEXT, canvas.fitting(words, 0.46, room))


def _bar(canvas: Canvas, label: str, index: int, value: float, area: Rectangle) -> None:
    u = canvas.unit
    x, y, width, height = area
    names = round(66 * u)
    start = x + names
    full = width - names
    thick = round(7 * u)
    top = y + (height - thick) // 2
    canvas.text(label, x, y + round(10.5 * u), FAINT, canvas.fitting(label, 0.36, names - round(4 * u)))
    canvas.fill((start, top, full, thick), TRACK)
    canvas.fill((start, top, round(full * value), thick), emotion_color(label, index))


def _stack(canvas: Canvas, emotion: Emotion, area: Rectangle) -> None:
    x, y, width, height = area
    start = 0
    for index, (label, total) in enumerate(zip(emotion.labels, accumulate(emotion.probabilities), strict=True)):
        end = round(total * width)
        canvas.fill((x + start, y, end - start, height), emotion_color(label, index))
        start = end
