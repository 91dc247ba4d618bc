"""Lines over a common axis, each named at its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from bench.report import figures, labels, naming
from edge import svg
from edge.markup import Markup, element

_LEFT, _TOP, _BOTTOM = 40.0, 30.0, 46.0

#: Longest name that stands beside its line in a narrow drawing.
SHORT = 12


@dataclasses.dataclass(frozen=True)
class Series:
    """A line.

    Attributes:
        name: stands at its end; empty where there is only one.
        points: x and y, in the order of x.
        words: what a pointer over each point says.
        quick: whether its figures are rough; it is dashed then.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    words: tuple[str, ...]
    quick: bool = False


@dataclasses.dataclass(frozen=True)
class Axis:
    """The horizontal axis.

    Attributes:
        name: what it is, with its unit.
        ticks: values that are marked.
        say: their words.
        log: whether it is logarithmic.
    """

    name: str
    ticks: tuple[float, ...]
    say: Callable[[float], str] = "{:g}".format
    log: bool = False


def plot(title: str, y_name: str, axis: Axis, series: Sequence[Series]) -> Markup:
    """Return the figure; each series has a point at least. In a hand, where long names have no room, they get a key."""
    named = max(len(one.name) for one in series) <= SHORT
    key = figures.keys(
        *((svg.marker(8, 8, figures.shape(i), f"mark {figures.color(i)}"), one.name) for i, one in enumerate(series)),
        class_="keys hand",
    )
    drawn = figures.both(
        lambda width: _draw(title, y_name, axis, series, width, named or width > figures.NARROW), figures.HALF
    )
    return element("div", None if named else key, drawn)


def _draw(title: str, y_name: str, axis: Axis, series: Sequence[Series], width: float, named: bool) -> Markup:
    height = 320.0
    names = [naming.shortened(one.name, 24) + (" (quick)" if one.quick and one.name else "") for one in series]
    names = names if named else [""] * len(series)
    right = width - 14 - labels.CHARACTER * max(map(len, names))
    bottom = height - _BOTTOM
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    low, high = min(*xs, *axis.ticks), max(*xs, *axis.ticks)
    make = svg.logarithmic if axis.log and high > low > 0 else svg.linear
    x = dataclasses.replace(make(low, high, _LEFT + 10, right - 6), ticks=_fitting(axis, right - _LEFT))
    y = figures.from_zero(ys, bottom, _TOP)
    parts: list[Markup | None] = [
        *svg.rows(y, _LEFT, right),
        *(_tick(axis.say(tick), x(tick), bottom) for tick in x.ticks),
        svg.text(0, 14, y_name, "axis"),
        svg.text(right, height - 6, axis.name, "axis", "end"),
    ]
    ends = labels.apart([y(one.points[-1][1]) for one in series], _TOP, bottom)
    for index, (one, name, end) in enumerate(zip(series, names, ends, strict=True)):
        class_ = figures.color(index)
        parts.append(
            svg.path([(x(a), y(b)) for a, b in one.points], f"trace {class_}{' quick' if one.quick else ''}")
            if len(one.points) > 1
            else None
        )
        for (a, b), words in zip(one.points, one.words, strict=True):
            mark = svg.marker(x(a), y(b), figures.shape(index), f"mark {class_}{' open' if one.quick else ''}")
            parts.append(figures.tip(mark, words))
        if name:
            at = x(one.points[-1][0])
            if abs(end - y(one.points[-1][1])) > 4:
                parts.append(svg.line(at + 6, y(one.points[-1][1]), right + 4, end, "thread"))
            parts.append(svg.text(right + 7, end + 4, name, f"name {class_}"))
    described = "; ".join(words for one in series for words in one.words)
    return svg.picture(title, width, height, *parts, description=described)


def _tick(words: str, x: float, bottom: float) -> Markup:
    return element("g", svg.line(x, bottom, x, bottom + 4, "base"), svg.text(x, bottom + 17, words, "tick", "middle"))


def _fitting(axis: Axis, width: float) -> tuple[float, ...]:
    """Leave every other tick out until their words have room."""
    ticks = axis.ticks
    while len(ticks) > 2 and sum(labels.CHARACTER * len(axis.say(tick)) + 8 for tick in ticks) > width:
        ticks = ticks[::2]
    return ticks
