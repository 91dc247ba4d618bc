"""Numbers as people read them: enough digits to tell things apart, and no more."""

from __future__ import annotations

import math

#: Stands where there is no figure.
MISSING = "–"


def figure(value: float | None) -> str:
    """Return about three digits, never a power of ten: ``0.843``, ``12.3``, ``1,240``."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    if size < 0.0005:
        return "0" if value == 0 else "< 0.001"
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return minus(f"{value:,.{digits}f}")


def rate(value: float | None) -> str:
    """Return a number of frames or inferences a second: ``8.4``, ``83``, ``1,240``."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 0..1 in per cent, without the sign."""
    return MISSING if share is None or not math.isfinite(share) else f"{100 * share:.{digits}f}"


def whole(value: float | None) -> str:
    """Return a whole number with separators."""
    return MISSING if value is None else f"{value:,.0f}"


def large(value: float | None) -> str:
    """Return three digits and a word for the power: ``45.1 million``."""
    if value is None:
        return MISSING
    for power, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if abs(value) >= power:
            return f"{figure(value / power)}{word}"
    return figure(value)


def degrees(value: float | None) -> str:
    """Return degrees Celsius without the sign."""
    return MISSING if value is None else minus(f"{value:.1f}")


def change(ratio: float) -> str:
    """Return a ratio as a change in per cent: ``+3.1 %``."""
    return minus(f"{100 * (ratio - 1):+.1f} %")


def minus(number: str) -> str:
    """Return a formatted number with a true minus sign."""
    return number.replace("-", "−")


def day(time: str) -> str:
    """Return the date of an ISO 8601 time."""
    return time[:10]


def plural(count: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
