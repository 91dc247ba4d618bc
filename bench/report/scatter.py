"""Time against accuracy: every file a mark, its interval, and the Pareto front."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bench.pareto import front
from bench.report import figures, labels, naming
from bench.report.gathering import Entry
from bench.report.intervals import median_interval, share_interval
from bench.report.numbers import figure, percent
from edge import svg
from edge.markup import Markup, element

_LEFT, _TOP, _BOTTOM = 44.0, 30.0, 46.0


@dataclasses.dataclass(frozen=True)
class Point:
    """One row in the plot.

    Attributes:
        entry: the row.
        series: number of its network.
        x: median, ms.
        y: accuracy, per cent.
        across: interval of ``x``; None where blocks are too few to tell.
        up: interval of ``y``.
    """

    entry: Entry
    series: int
    x: float
    y: float
    across: tuple[float, float] | None
    up: tuple[float, float]

    @property
    def name(self) -> str:
        """The file, and threads where there are several."""
        row = self.entry.row
        threads = row.settings.get("threads")
        file = naming.file_of(row)
        words = naming.short_file(file) if file else row.key
        more = f" ×{threads}" if isinstance(threads, int) and threads > 1 and file else ""
        return naming.shortened(words + more, 28) + (" (quick)" if self.entry.quick else "")

    @property
    def many(self) -> bool:
        """Whether it ran on several threads."""
        threads = self.entry.row.settings.get("threads")
        return isinstance(threads, int) and threads > 1


def points(entries: Sequence[Entry]) -> list[Point]:
    """Return the rows with both a time and an accuracy."""
    networks: dict[str, int] = {}
    found = []
    for entry in entries:
        row = entry.row
        if not entry.measured or row.timing is None or row.accuracy is None:
            continue
        series = networks.setdefault(naming.series_of(row), len(networks))
        low, high = share_interval(row.accuracy, row.images) if row.images else (row.accuracy, row.accuracy)
        across = median_interval(row.timing.blocks)
        found.append(Point(entry, series, row.timing.p50_ms, 100 * row.accuracy, across, (100 * low, 100 * high)))
    return found


def best(found: Sequence[Point]) -> list[Point]:
    """Return those of the Pareto front, fastest first."""
    return sorted((found[i] for i in front([(-p.x, p.y) for p in found])), key=lambda p: p.x)


def plot(found: Sequence[Point], where: str) -> Markup:
    """Return the figure with its key; at least one point."""
    several = len({point.series for point in found}) > 1
    names = {point.series: naming.series_of(point.entry.row) for point in found}
    keyed = [
        (svg.marker(8, 8, figures.shape(i), f"mark {figures.color(i)}"), name) for i, name in sorted(names.items())
    ]
    if any(point.many for point in found):
        keyed.append((svg.marker(8, 8, "circle", "mark open soft"), "open: two threads or more (×2)"))
    if len(found) > 1:
        keyed.append((svg.line(1, 8, 15, 8, "front"), "Pareto front: nothing is both faster and more accurate"))
    keys = figures.keys(*keyed) if several or len(keyed) > 1 else None
    return element("div", keys, figures.both(lambda width: _draw(found, where, width)))


def _draw(found: Sequence[Point], where: str, width: float) -> Markup:
    height = 430.0 if width > 500 else 380.0
    right, bottom = width - 16, height - _BOTTOM
    y = figures.between([end for p in found for end in (*p.up, p.y)], bottom, _TOP)
    x = figures.costs([end for p in found for end in (p.x, *(p.across or ()))], _LEFT, right)
    winners = best(found)
    parts = [
        *svg.rows(y, _LEFT, right),
        *svg.columns(x, _TOP, bottom),
        svg.text(0, 14, "accuracy, %", "axis"),
        svg.text(right, height - 8, "median time of one inference, ms", "axis", "end"),
        _staircase(winners, x, y, right) if len(found) > 1 else None,
    ]
    losers = [p for p in found if p not in winners]
    parts += [_mark(point, x, y, faint=True) for point in losers]
    parts += [_mark(point, x, y, faint=False) for point in winners]
    parts += _names(winners, losers, x, y, (_LEFT, width, _TOP - 12, bottom))
    described = "; ".join(f"{p.entry.row.key}: {figure(p.x)} ms, {p.y:.2f} %" for p in winners)
    title = f"Accuracy against time on {where}"
    return svg.picture(title, width, height, *parts, description=f"On the Pareto front: {described}.")


def _staircase(winners: Sequence[Point], x: svg.Scale, y: svg.Scale, right: float) -> Markup:
    """Right to the next better one, then up to it: below the line lies what is beaten."""
    steps = f"M{x(winners[0].x):.1f} {y(winners[0].y):.1f}"
    steps += "".join(f"H{x(p.x):.1f}V{y(p.y):.1f}" for p in winners[1:])
    return element("path", d=f"{steps}H{right:.1f}", class_="front")


def _mark(point: Point, x: svg.Scale, y: svg.Scale, faint: bool) -> Markup:
    across, up = x(point.x), y(point.y)
    class_ = f"{figures.color(point.series)}{' faint' if faint else ''}"
    low, high = point.up
    whiskers = [svg.line(across, y(low), across, y(high), f"whisker {class_}")] if high > low else []
    words = f"{point.entry.row.key}: {figure(point.x)} ms"
    if point.across:
        whiskers.append(svg.line(x(point.across[0]), up, x(point.across[1]), up, f"whisker {class_}"))
        words += f" ({figure(point.across[0])} to {figure(point.across[1])})"
    words += f", {point.y:.2f} % ({low:.2f} to {high:.2f})" + (", quick" if point.entry.quick else "")
    open_ = " open" if point.many else ""
    return element(
        "g",
        element("title", words),
        *whiskers,
        svg.marker(across, up, figures.shape(point.series), f"mark {class_}{open_}"),
    )


def _names(
    winners: Sequence[Point], losers: Sequence[Point], x: svg.Scale, y: svg.Scale, within: labels.Box
) -> list[Markup]:
    """Name the front in any case, the others where there is room right beside them."""
    taken = [(x(p.x) - 6, x(p.x) + 6, y(p.y) - 6, y(p.y) + 6) for p in (*winners, *losers)]
    lines = [(x(p.x) - 1, x(p.x) + 1, y(p.up[1]), y(p.up[0])) for p in winners]
    drawn: list[Markup] = []
    for point, reach in (*((p, 12) for p in winners), *((p, 1) for p in losers)):
        across, up = x(point.x), y(point.y)
        # Not across a whisker of the front, if there is another place.
        place = labels.beside(across, up, point.name, within, [*taken, *lines], reach)
        place = place or labels.beside(across, up, point.name, within, taken, reach)
        if place is None:
            continue
        taken.append(place.box)
        faint = reach == 1
        if place.far:
            edge = place.box[2] if place.y > up else place.box[3]
            drawn.append(svg.line(across, up, place.x, edge, "thread"))
        class_ = f"name {figures.color(point.series)}{' faint' if faint else ''}"
        drawn.append(svg.text(place.x, place.y, point.name, class_, place.anchor))
    return drawn


def spoken(point: Point) -> str:
    """Return a point in words."""
    return f"{figure(point.x)} ms at {percent(point.y / 100)} %"
