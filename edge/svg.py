"""What the figures are drawn with: scales, axes and text in SVG. Colours and type come from the page's style sheet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

from edge.markup import Markup, element

#: Width of a character of the small type in figures, pixels; a little more than the mean of common system fonts.
CHARACTER = 6.3


@dataclasses.dataclass(frozen=True)
class Scale:
    """Maps values to pixels.

    Attributes:
        low: value at ``start``.
        high: value at ``end``.
        start: pixels.
        end: pixels.
        ticks: values to mark.
        bend: what is applied to values first: nothing, a logarithm, ...
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    bend: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high = self.bend(self.low), self.bend(self.high)
        return self.start + (self.bend(value) - low) / (high - low) * (self.end - self.start)


def linear(low: float, high: float, start: float, end: float, count: int = 5) -> Scale:
    """Return an even scale with about ``count`` round ticks; a domain of no width is widened."""
    if not high > low:
        low, high = low - 0.5, low + 0.5
    return Scale(low, high, start, end, round_ticks(low, high, count))


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Return a scale of powers of ten, ticks at 1, 2 and 5 of each; ``low`` must be positive."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return Scale(low, high, start, end, tuple(t for t in ticks if low <= t <= high), math.log10)


def compressed(low: float, high: float, start: float, end: float, unit: float) -> Scale:
    """Return a scale that is even up to about ``unit`` and logarithmic beyond, on both sides of zero (asinh)."""
    top = max(abs(low), abs(high))
    powers = range(math.floor(math.log10(unit)), math.ceil(math.log10(top)) + 1)
    sizes = [10.0**power for power in powers]
    ticks = (*(-size for size in reversed(sizes)), 0.0, *sizes)
    return Scale(low, high, start, end, tuple(t for t in ticks if low <= t <= high), lambda v: math.asinh(v / unit))


def round_ticks(low: float, high: float, count: int) -> tuple[float, ...]:
    """Return multiples of 1, 2 or 5 times a power of ten inside ``low..high``, about ``count`` of them."""
    raw = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((digit * power for digit in (1, 2, 5) if digit * power >= raw), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(index * step for index in range(first, last + 1))


def picture(
    title: str,
    width: float,
    height: float,
    *children: Markup | None,
    class_: str | None = None,
    description: str | None = None,
) -> Markup:
    """Return an SVG that fills its container; ``title`` says to a reader who can't see it what it shows.

    ``description`` says what can be seen in it, where the title is not enough.
    """
    return element(
        "svg",
        element("title", title),
        element("desc", description) if description else None,
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=title,
        class_=class_,
    )


def text(x: float, y: float, content: str, class_: str | None = None, anchor: str | None = None) -> Markup:
    """Return text; ``anchor`` is ``start``, ``middle`` or ``end``."""
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def bar(x: float, width: float, y1: float, y2: float, class_: str) -> Markup:
    """Return an upright bar between two heights in either order, at least half a pixel high."""
    top, height = min(y1, y2), abs(y2 - y1)
    return element("rect", x=x, y=top, width=width, height=max(height, 0.5), class_=class_)


def path(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    """Return a line through points."""
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", d=f"M{steps}", class_=class_)


def marker(x: float, y: float, shape: str, class_: str) -> Markup:
    """Return a ``circle``, ``square``, ``diamond``, ``up``, ``down`` or ``star`` (of four points) of about 9 pixels."""
    match shape:
        case "up":
            return element("path", d=f"M{x:.1f} {y - 5.5:.1f}l5.5 9.5h-11z", class_=class_)
        case "down":
            return element("path", d=f"M{x:.1f} {y + 5.5:.1f}l5.5 -9.5h-11z", class_=class_)
        case "star":
            return element(
                "path", d=f"M{x:.1f} {y - 6.5:.1f}l2 4.5 4.5 2 -4.5 2 -2 4.5 -2 -4.5 -4.5 -2 4.5 -2z", class_=class_
            )
        case "square":
            return element("rect", x=x - 4, y=y - 4, width=8, height=8, class_=class_)
        case "diamond":
            return element("path", d=f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z", class_=class_)
        case _:
            return element("circle", cx=x, cy=y, r=4.5, class_=class_)


def rows(scale: Scale, left: float, right: float, say: Callable[[float], str] = "{:g}".format) -> Iterable[Markup]:
    """Yield a value axis: a hairline across the figure for each tick and its number on the left."""
    for tick in scale.ticks:
        yield line(left, scale(tick), right, scale(tick), "base" if tick == 0 else "grid")
        yield text(left - 8, scale(tick) + 4, minus(say(tick)), "tick", "end")


def columns(scale: Scale, top: float, bottom: float, say: Callable[[float], str] = "{:g}".format) -> Iterable[Markup]:
    """Yield a horizontal axis: a hairline for each tick and its number below."""
    for tick in scale.ticks:
        yield line(scale(tick), top, scale(tick), bottom, "grid")
        yield text(scale(tick), bottom + 17, minus(say(tick)), "tick", "middle")


def minus(number: str) -> str:
    """Return a formatted number with a true minus sign, also in its exponent."""
    return number.replace("-", "−")
