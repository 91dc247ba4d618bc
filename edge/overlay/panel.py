"""The panel: shares its room among statistics, cards, legend and plot."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from edge.canvas import Canvas, Rectangle
from edge.overlay.cards import draw_cards, least_height
from edge.overlay.legend import draw_legend, legend_height
from edge.overlay.plane import Trails, draw_plane
from edge.overlay.stats import Stats, draw_stats, stats_height
from edge.types import Reading

#: The layers that are drawn here. Without any of them there is no panel.
PANEL_LAYERS = frozenset({"bars", "plot", "stats", "legend"})

#: Side of the plot: usual beside bars, and least, units.
_PLOT, _LEAST_PLOT = 150, 64


@dataclasses.dataclass(frozen=True)
class Content:
    """What there is to say about one frame."""

    readings: Sequence[Reading]
    labels: Sequence[str]
    stats: Stats
    trails: Trails
    layers: frozenset[str]
    person: int | None


def draw_panel(canvas: Canvas, content: Content, panel: Rectangle) -> None:
    """Draw all of it, in one column or, where the panel is wide, in two."""
    x, y, width, height = panel
    margin = round(12 * canvas.unit)
    inner = (x + margin, y, width - 2 * margin, height - round(8 * canvas.unit))
    if width > 1.4 * height and content.layers & {"bars", "stats"} and content.layers & {"plot", "legend"}:
        half = (inner[2] - margin) // 2
        left = dataclasses.replace(content, layers=content.layers & {"bars", "stats"})
        right = dataclasses.replace(content, layers=content.layers - {"bars", "stats"})
        _column(canvas, left, (inner[0], inner[1], half, inner[3]))
        _column(canvas, right, (inner[0] + half + margin, inner[1], half, inner[3]))
    else:
        _column(canvas, content, inner)


def _column(canvas: Canvas, content: Content, area: Rectangle) -> None:
    """Statistics on top, plot at the bottom, legend above it, cards in what is left."""
    u = canvas.unit
    x, top, width, height = area
    bottom = top + height
    layers = content.layers
    # A line for everybody comes first; then the legend; the plot takes less where little is left, or gives way.
    cards = round(least_height(content.readings, content.person) * u) if "bars" in layers else 0
    if "stats" in layers:
        tall = min(stats_height(canvas, content.stats, width), max(round(26 * u), height - cards))
        draw_stats(canvas, content.stats, (x, top, width, tall))
        top += tall
    else:
        top += round(8 * u)
    plot = "plot" in layers
    legend = round(legend_height(content.labels, plot) * u) if "legend" in layers else 0
    if legend > bottom - top - cards:
        legend = 0
    if plot:
        most = round(_PLOT * u) if cards else width
        side = min(width, most, bottom - top - cards - legend - round(12 * u))
        if side >= _LEAST_PLOT * u:
            left = x + (width - side) // 2
            trails = content.trails if "trail" in layers else None
            draw_plane(canvas, content.readings, trails, content.person, (left, bottom - side, side, side))
            bottom -= side + round(12 * u)
    if legend:
        at = bottom - legend if cards or plot else top
        draw_legend(canvas, content.labels, plot, (x, at, width, legend))
        bottom -= legend
    if "bars" in layers:
        draw_cards(canvas, content.readings, content.person, (x, top, width, bottom - top))
