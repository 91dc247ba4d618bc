"""What all plots share: a wide and a narrow drawing, frames with axes, keys to marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge import svg
from edge.markup import Markup, element, join

#: Colours and shapes of series, in this order: each pair differs in both.
SHAPES = ("circle", "diamond", "square", "up", "down", "star")

#: Widths of the drawings, pixels: columns of the page on a desk and in a hand.
WIDE, HALF, NARROW = 1056, 500, 350

#: A span beyond this factor is drawn on a logarithmic scale.
WIDE_SPAN = 8.0


def both(draw: Callable[[float], Markup], wide: float = WIDE, caption: Markup | str | None = None) -> Markup:
    """Return a figure in two drawings; the style sheet shows the one that fits, so that type keeps its size."""
    return element(
        "figure",
        element("div", draw(wide), class_="desk"),
        element("div", draw(NARROW), class_="hand"),
        element("figcaption", caption) if caption else None,
    )


def shape(index: int) -> str:
    """Return the mark of a series."""
    return SHAPES[index % len(SHAPES)]


def color(index: int) -> str:
    """Return the class of a series, which sets its colour."""
    return f"s{index % len(SHAPES)}"


def costs(values: Sequence[float], start: float, end: float) -> svg.Scale:
    """Return a scale for costs: from zero, or logarithmic where they are far apart."""
    low, high = min(values), max(values)
    if low > 0 and high / low > WIDE_SPAN:
        return svg.logarithmic(low / 1.25, high * 1.25, start, end)
    return svg.linear(0, high * 1.1 or 1, start, end)


def between(values: Sequence[float], start: float, end: float, count: int = 5) -> svg.Scale:
    """Return an even scale that holds the values with some air."""
    low, high = min(values), max(values)
    air = max(0.08 * (high - low), 1e-9, 0.02 * abs(high) if high == low else 0)
    return svg.linear(low - air, high + air, start, end, count)


def from_zero(values: Sequence[float], start: float, end: float, count: int = 5) -> svg.Scale:
    """Return an even scale from zero."""
    return svg.linear(0, 1.08 * max(values) or 1, start, end, count)


def keys(*pairs: tuple[Markup, str], class_: str = "keys") -> Markup:
    """Return the key to marks, in words."""
    return element(
        "p",
        *(
            element("span", element("svg", mark, viewBox="0 0 16 16", aria_hidden="true"), f" {name}", class_="key")
            for mark, name in pairs
        ),
        class_=class_,
    )


def tip(content: Markup, words: str) -> Markup:
    """Return a mark with what a pointer over it says."""
    return element("g", element("title", words), content)


def lead(*children: str | None) -> Markup:
    """Return the first sentence of a section: what there is to see."""
    return element("p", join(*children), class_="lead")


def caption(*children: str | None) -> Markup:
    """Return what must be known to read a plot or a table."""
    return element("p", join(*children), class_="caption")
