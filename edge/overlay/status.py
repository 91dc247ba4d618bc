"""What a window says about itself: a bar along the bottom, and the page of keys."""

from __future__ import annotations

import dataclasses

from edge.canvas import Canvas, Rectangle
from edge.palette import FAINT, INK, RECORDING, TEXT, TRACK, WARNING

_SIZE = 0.4
_MOST_LINES = 3


@dataclasses.dataclass(frozen=True)
class HelpRow:
    """A key and what it does; rows of what is off at the moment are drawn fainter."""

    key: str
    words: str
    on: bool = True


@dataclasses.dataclass(frozen=True)
class Status:
    """What the window adds to a drawing.

    Attributes:
        note: one sentence about what happened.
        warning: the note is about something wrong.
        paused: the run is paused.
        recording: a video is being written.
        stale: the picture is not of this moment, because the source is away; it is dimmed.
        hint: said when there is no note.
        help: rows of the page of keys; empty while nobody asked for it.
    """

    note: str = ""
    warning: bool = False
    paused: bool = False
    recording: bool = False
    stale: bool = False
    hint: str = ""
    help: tuple[HelpRow, ...] = ()


def bar_lines(canvas: Canvas, status: Status, width: int) -> list[str]:
    """Return the lines of the bar's note, at most three of what fits into ``width`` pixels; the last may be cut."""
    room = width - _margin(canvas) * 2 - _right(canvas, status)
    words = status.note.split(" ") if status.note else [status.hint]
    lines = canvas.wrapped(words, _SIZE, room)
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], " ".join(lines[_MOST_LINES - 1 :])]
    return [_cut(canvas, line, room) for line in lines]


def draw_bar(canvas: Canvas, status: Status, bar: Rectangle) -> None:
    """Draw the status bar: a note or a hint on the left; recording and paused on the right."""
    x, y, width, _ = bar
    ground = WARNING if status.warning and status.note else TRACK
    canvas.fill(bar, ground)
    ink = INK if ground == WARNING else TEXT if status.note else FAINT
    u, margin = canvas.unit, _margin(canvas)
    baseline = y + round(16 * u)
    for line in bar_lines(canvas, status, width):
        canvas.text(line, x + margin, baseline, ink, _SIZE)
        baseline += round(15 * u)
    end = x + width - margin
    if status.recording:
        end -= canvas.text_size("REC", _SIZE)[0]
        canvas.text("REC", end, y + round(16 * u), INK if ground == WARNING else TEXT, _SIZE)
        end -= round(10 * u)
        canvas.dot((end, y + round(12 * u)), round(5 * u), RECORDING)
        end -= round(14 * u)
    if status.paused:
        canvas.text("paused", end, y + round(16 * u), INK if ground == WARNING else WARNING, _SIZE, right=True)


def draw_help(canvas: Canvas, rows: tuple[HelpRow, ...], area: Rectangle, smallest: float = 0.72) -> bool:
    """Draw the page of keys into ``area``.

    Args:
        canvas: what to draw on.
        rows: the keys.
        area: where.
        smallest: least size of its letters, as a share of the usual one.

    Returns:
        False, and nothing drawn, where its letters would have to be smaller.
    """
    x, y, width, height = area
    u, margin = canvas.unit, _margin(canvas)
    widest = max(canvas.text_size(row.words, 0.4)[0] for row in rows)
    column = max(canvas.text_size(row.key, 0.4)[0] for row in rows) + round(12 * u)
    step = 18 * u
    columns = 2 if width > 1.9 * (column + widest + 2 * margin) else 1
    per_column = -(-len(rows) // columns)
    shrink = min(
        1.0, (height - 2 * margin) / (step * (per_column + 1)), (width / columns - 2 * margin) / (column + widest)
    )
    if shrink < smallest:
        return False
    size, step, column = 0.4 * shrink, step * shrink, round(column * shrink)
    canvas.text("Keys", x + margin, y + margin + round(step * 0.6), FAINT, size)
    for index, row in enumerate(rows):
        left = x + margin + (index // per_column) * (width // columns)
        baseline = y + margin + round(step * (index % per_column + 1.7))
        color = TEXT if row.on else FAINT
        canvas.text(row.key, left, baseline, WARNING, size)
        canvas.text(row.words, left + column, baseline, color, size)
    return True


def _margin(canvas: Canvas) -> int:
    return round(10 * canvas.unit)


def _right(canvas: Canvas, status: Status) -> int:
    """Return the room that the right end of the bar needs, pixels."""
    wide = 0
    if status.recording:
        wide += canvas.text_size("REC", _SIZE)[0] + round(34 * canvas.unit)
    if status.paused:
        wide += canvas.text_size("paused", _SIZE)[0] + round(10 * canvas.unit)
    return wide


def _cut(canvas: Canvas, line: str, width: int) -> str:
    if canvas.text_size(line, _SIZE)[0] <= width:
        return line
    while line and canvas.text_size(f"{line}...", _SIZE)[0] > width:
        line = line[:-1]
    return f"{line}..."
