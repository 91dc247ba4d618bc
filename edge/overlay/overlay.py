"""Draws results: boxes and tags in the picture, everything else in a panel beside it.

Bars, plots and words never lie on the picture, so they cannot cover a face, however many there are and wherever they
walk; tags do, where they touch no head.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.canvas import Canvas
from edge.health import Health
from edge.labels import LABELS
from edge.layers import DEFAULT_LAYERS
from edge.overlay.layout import Layout, window_unit
from edge.overlay.panel import PANEL_LAYERS, Content, draw_panel
from edge.overlay.picture import View, draw_faces, draw_frame
from edge.overlay.plane import Trails
from edge.overlay.stats import StageTimes, Stats, stats_of
from edge.overlay.status import Status, bar_lines, draw_bar, draw_help
from edge.palette import FAINT, PANEL, TEXT
from edge.types import Result


class Overlay:
    """Draws results, and keeps each person's way through the valence-arousal plane.

    Attributes:
        layers: what is drawn; see :mod:`edge.layers`. May be changed between frames, like the next two.
        mirror: the picture is shown as a mirror shows it; words are not.
        person: the id of the one person whose bars and trail are shown; None: everybody's.
    """

    def __init__(
        self, layers: frozenset[str] = DEFAULT_LAYERS, health: Health | None = None, mirror: bool = False
    ) -> None:
        """Prepare; ``health`` adds to the statistics what a result alone doesn't tell."""
        self.layers = layers
        self.mirror = mirror
        self.person: int | None = None
        self._health = health
        self._trails = Trails()
        self._times = StageTimes()
        self._labels: Sequence[str] = LABELS
        self._followed: Result | None = None
        self._drawn: tuple[Result, object, NDArray[np.uint8]] | None = None

    def draw(
        self, result: Result, *, size: tuple[int, int] | None = None, status: Status | None = None
    ) -> NDArray[np.uint8]:
        """Return a new BGR picture; the frame itself is not touched. The same drawing asked for again is kept.

        Args:
            result: what is drawn; the next one in time, or the same one again.
            size: width and height of a window to fill, pixels; None: a size that suits the frame.
            status: what the window adds, in a bar along the bottom; None: no bar.
        """
        if self._followed is not result:
            self._follow(result)
        stats = stats_of(result, self._times, self._health)
        wanted = (self.layers, self.mirror, self.person, size, status, stats)
        if self._drawn is None or self._drawn[0] is not result or self._drawn[1] != wanted:
            self._drawn = (result, wanted, self._draw(result, self.layout(result, size, status), status, stats))
        return self._drawn[2]

    def layout(self, result: Result, size: tuple[int, int] | None = None, status: Status | None = None) -> Layout:
        """Return where everything lies in the drawing of the same arguments."""
        height, width = result.frame.image.shape[:2]
        panel = bool(self.layers & PANEL_LAYERS) or bool(status and status.help)
        if size is None:
            return Layout.natural(width, height, panel)
        lines = 1
        if status is not None:
            canvas = Canvas(np.empty((1, 1, 3), np.uint8), window_unit(width, height, size))
            lines = len(bar_lines(canvas, status, size[0]))
        return Layout.fitted(width, height, size, panel=panel, bar=status is not None, bar_lines=lines)

    def _draw(self, result: Result, layout: Layout, status: Status | None, stats: Stats) -> NDArray[np.uint8]:
        width, height = layout.size
        image = np.empty((height, width, 3), np.uint8)
        canvas = Canvas(image, layout.unit)
        _surround(canvas, layout)
        status = status or Status()
        if status.help and not draw_help(canvas, status.help, layout.panel):
            canvas.fill((0, 0, *layout.size), PANEL)
            draw_help(canvas, status.help, (0, 0, width, height - layout.bar[3]), smallest=0.0)
        else:
            frame = result.frame.image
            view = View(layout.picture, layout.picture[2] / frame.shape[1], self.mirror)
            draw_frame(image, frame, view, status.stale)
            draw_faces(canvas, result.readings, view, self.layers, self.person)
            if layout.panel[2] and not status.help:
                content = Content(result.readings, self._labels, stats, self._trails, self.layers, self.person)
                draw_panel(canvas, content, layout.panel)
        if layout.bar[3]:
            draw_bar(canvas, status, layout.bar)
        return image

    def _follow(self, result: Result) -> None:
        self._followed = result
        self._trails.follow(result)
        self._times.follow(result)
        if result.readings:
            self._labels = result.readings[0].emotion.labels


def title_screen(size: tuple[int, int], lines: Sequence[str], status: Status) -> NDArray[np.uint8]:
    """Return a picture without a picture: large words in the middle, for when there is nothing else to show.

    Args:
        size: width and height in pixels.
        lines: the first one is the largest.
        status: what the bar along the bottom says; its page of keys, where it is asked for, takes the lines' place.
    """
    width, height = max(64, size[0]), max(48, size[1])
    canvas = Canvas(np.full((height, width, 3), PANEL, np.uint8), window_unit(4, 3, (width, height)))
    u = canvas.unit
    tall = round(24 * u)
    if status.help:
        draw_help(canvas, status.help, (0, 0, width, height - tall), smallest=0.0)
    else:
        room = width - round(40 * u)
        baseline = height // 2 - round(13 * u * (len(lines) - 1))
        for index, line in enumerate(lines):
            size_ = canvas.fitting(line, 0.9 if index == 0 else 0.48, room)
            left = (width - canvas.text_size(line, size_)[0]) // 2
            canvas.text(line, left, baseline, TEXT if index == 0 else FAINT, size_)
            baseline += round(30 * u)
    draw_bar(canvas, status, (0, height - tall, width, tall))
    return canvas.image


def _surround(canvas: Canvas, layout: Layout) -> None:
    """Fill what the picture leaves free."""
    x, y, w, h = layout.picture
    width, height = layout.size
    for area in ((0, 0, width, y), (0, y + h, width, height - y - h), (0, y, x, h), (x + w, y, width - x - w, h)):
        canvas.fill(area, PANEL)
