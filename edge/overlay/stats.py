"""Frames a second, milliseconds of each stage, losses: the lines at the top of the panel."""

from __future__ import annotations

import dataclasses

from edge.canvas import Canvas, Rectangle
from edge.health import Health
from edge.palette import FAINT, TEXT, WARNING
from edge.types import Result

#: How quickly shown milliseconds follow the measured ones: digits that change with every frame can't be read.
_FOLLOW = 0.1

#: A stage that takes less than this is not worth a word, milliseconds.
_NOTICED = 0.05

_HEAD, _LINE = 26, 15
_SIZE = 0.36


@dataclasses.dataclass(frozen=True)
class Stats:
    """What is said.

    Attributes:
        rate: frames a second, and who is there.
        facts: short pieces, several a line.
        names: model and detector.
        warning: what had to give way, in words.
    """

    rate: tuple[str, str]
    facts: tuple[tuple[str, ...], ...]
    names: tuple[str, ...] = ()
    warning: str = ""


class StageTimes:
    """Milliseconds of each stage, evened out so that they can be read."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    def follow(self, result: Result) -> None:
        """Take in a result's timings."""
        self._values = {
            name: self._values.get(name, value) + _FOLLOW * (value - self._values.get(name, value))
            for name, value in result.timings_ms.items()
        }

    def pieces(self) -> tuple[str, ...]:
        """Return ``"detect 3.1"`` and so on; stages too short to notice are left out."""
        return tuple(f"{name} {value:.1f}" for name, value in self._values.items() if value >= _NOTICED)


def stats_of(result: Result, times: StageTimes, health: Health | None) -> Stats:
    """Return what is known: from the result alone, or from the whole run's health."""
    people = len(result.readings)
    faces = f"{people} face" + ("" if people == 1 else "s")
    stages = times.pieces()
    stages = (*stages[:-1], f"{stages[-1]} ms") if stages else ()
    if health is None:
        losses = (f"dropped {result.dropped}",) if result.dropped else ()
        return Stats((f"{result.fps:.0f} FPS", faces), (stages, losses))
    rates = health.rates()
    source = health.source
    counted = [f"source {rates['captured']:.0f} FPS"] if source.live else []
    counted += [f"dropped {source.dropped}"] if source.live or source.dropped else []
    counted += [f"left out {health.skipped}"] if health.skipped else []
    counted += [f"reconnects {source.reconnects}"] if source.reconnects else []
    heat = health.temperature()
    counted += [f"{heat:.0f} degrees C"] if heat is not None else []
    counted += ["weak power supply"] if health.undervoltage() else []
    names = tuple(name for name in (health.model, health.detector) if name)
    return Stats((f"{rates['processed']:.0f} FPS", faces), (stages, tuple(counted)), names, health.adapted)


def _lines(canvas: Canvas, stats: Stats, width: int) -> list[tuple[str, bool]]:
    """Return the small lines and whether each is a warning."""
    lines = [line for pieces in stats.facts for line in canvas.wrapped(pieces, _SIZE, width, "  ")]
    lines += [line for name in stats.names for line in canvas.wrapped(name.split(" "), _SIZE, width)]
    warning = canvas.wrapped(stats.warning.split(" "), _SIZE, width) if stats.warning else []
    return [(line, False) for line in lines] + [(line, True) for line in warning]


def stats_height(canvas: Canvas, stats: Stats, width: int) -> int:
    """Return the height of the whole in pixels."""
    return round((_HEAD + _LINE * len(_lines(canvas, stats, width)) + 8) * canvas.unit)


def draw_stats(canvas: Canvas, stats: Stats, area: Rectangle) -> None:
    """Write the lines; those that find no room in the area's height are left out."""
    u = canvas.unit
    x, y, width, height = area
    left, right = stats.rate
    baseline = y + round(18 * u)
    canvas.text(left, x, baseline, TEXT, 0.52)
    canvas.text(right, x + width, baseline, TEXT, 0.52, right=True)
    baseline += round(18 * u)
    for line, warning in _lines(canvas, stats, width):
        if baseline > y + height:
            break
        canvas.text(line, x, baseline, WARNING if warning else FAINT, canvas.fitting(line, _SIZE, width))
        baseline += round(_LINE * u)
