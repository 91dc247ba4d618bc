"""Bars that fill a cell of a table, whatever its width: the table is the plot."""

from __future__ import annotations

from collections.abc import Sequence

from edge import svg
from edge.markup import Markup, element

#: Height of a bar, and of the thinner one below it, pixels.
HEIGHT, THIN = 14.0, 5.0

#: Width and height of a line between words, pixels.
SPARK = 120.0, 26.0


def bar(value: float, most: float, words: str, class_: str = "s0") -> Markup:
    """Return one bar; ``most`` fills the cell."""
    return stacked([[(value, class_, words)]], most, words)


def stacked(lines: Sequence[Sequence[tuple[float, str, str]]], most: float, words: str) -> Markup:
    """Return bars below each other, the first one thick.

    Args:
        lines: parts of each bar: value, class, what a pointer over it says.
        most: value that fills the cell.
        words: what is seen, for those who can't.
    """
    parts: list[Markup] = []
    top = 0.0
    for index, line in enumerate(lines):
        height = THIN if index else HEIGHT
        at = 0.0
        for value, class_, said in line:
            width = 100 * value / most if most > 0 else 0.0
            gap = min(0.12, width / 3) if len(line) > 1 else 0.0
            rect = element(
                "rect", element("title", said), x=at, y=top, width=max(width - gap, 0.15), height=height,
                class_=f"part {class_}{' thin' if index else ''}",
            )  # fmt: skip
            parts.append(rect)
            at += width
        top += height + 2
    total = top - 2
    return element(
        "svg",
        element("title", words),
        *parts,
        viewBox=f"0 0 100 {total:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
        class_="bar",
        style=f"height:{total:g}px",
    )


def swatch(class_: str) -> Markup:
    """Return the key to a colour of bars."""
    return element("rect", x=1, y=3, width=14, height=10, class_=f"part {class_}")


def spark(
    values: Sequence[float], hollow: Sequence[bool], words: str, width: float = 120, height: float = 28
) -> Markup:
    """Return a line as small as a word: one mark a value, hollow where it is rough."""
    width, height = SPARK
    low, high = min(values), max(values)
    room = (high - low) or abs(high) * 0.1 or 1.0
    y = svg.linear(low - 0.15 * room, high + 0.15 * room, height - 3, 3)
    step = (width - 12) / max(1, len(values) - 1)
    placed = [(6 + step * i, y(value)) for i, value in enumerate(values)]
    return svg.picture(
        words,
        width,
        height,
        svg.path(placed, "trace s0"),
        *(
            element("circle", cx=a, cy=b, r=3, class_=f"mark s0{' open' if rough else ''}")
            for (a, b), rough in zip(placed, hollow, strict=True)
        ),
        class_="spark",
    )
