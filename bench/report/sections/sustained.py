"""Long runs: speed, heat, clock and power over time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from bench.report import figures, table
from bench.report.figures import caption
from bench.report.gathering import Entry, Found
from bench.report.naming import breakable
from bench.report.numbers import degrees, figure, percent, rate
from bench.report.sections.devices import each
from bench.report.table import Column
from bench.result import Sample
from edge import svg
from edge.markup import Markup, element, join

#: Share of a run that is its begin, and its end.
PART = 0.1

#: Most points of a drawn line; more are averaged.
MOST = 700

_LEFT, _GAP = 44.0, 42.0


@dataclasses.dataclass(frozen=True)
class Summary:
    """A long run in figures.

    Attributes:
        seconds: from its begin to its last sample.
        first_fps: mean over the first tenth.
        last_fps: mean over the last tenth, which is what lasts.
        least_fps: of any sample.
        hottest: degrees Celsius.
        slowest: lowest clock, MHz.
        throttled: share of the samples that tell, 0..1.
        watts: mean.
    """

    seconds: float
    first_fps: float
    last_fps: float
    least_fps: float
    hottest: float | None
    slowest: float | None
    throttled: float | None
    watts: float | None


def summary(curve: Sequence[Sample]) -> Summary:
    """Return a curve, one sample at least, in figures."""
    count = max(1, round(PART * len(curve)))
    told = [sample.throttled for sample in curve if sample.throttled is not None]
    heat = [sample.temperature_c for sample in curve if sample.temperature_c is not None]
    clock = [sample.clock_mhz for sample in curve if sample.clock_mhz is not None]
    power = [sample.power_w for sample in curve if sample.power_w is not None]
    return Summary(
        seconds=curve[-1].at,
        first_fps=sum(sample.fps for sample in curve[:count]) / count,
        last_fps=sum(sample.fps for sample in curve[-count:]) / count,
        least_fps=min(sample.fps for sample in curve),
        hottest=max(heat, default=None),
        slowest=min(clock, default=None),
        throttled=sum(told) / len(told) if told else None,
        watts=sum(power) / len(power) if power else None,
    )


def sustained(found: Found) -> Markup | None:
    """Return the section."""
    return each(found, ("sustained",), _device)


def _device(entries: list[Entry], device: str) -> Markup:
    runs = [entry for entry in entries if entry.measured and entry.row.curve]
    drawn = []
    for entry in runs:
        drawn.append(
            element(
                "h4",
                breakable(entry.row.key.replace("/", ", ")),
                join(" ", table.quick_mark()) if entry.quick else None,
            )
        )
        drawn.append(figures.both(lambda width, entry=entry: _draw(entry, width)))  # type: ignore[misc]
        if unknown := _unknown(entry.row.curve):
            drawn.append(caption(f"Not measured here: {unknown}."))
    return join(
        *drawn,
        table.entries(f"Long runs on {device}", entries, COLUMNS, head="run"),
        caption("Begin and end: means over the first and the last tenth of the run."),
        table.notes(entries),
    )


@dataclasses.dataclass(frozen=True)
class _Panel:
    name: str
    value: Callable[[Sample], float | None]
    zero: bool
    series: int


_PANELS = (
    _Panel("frames/s", lambda sample: sample.fps, True, 0),
    _Panel("temperature, °C", lambda sample: sample.temperature_c, False, 1),
    _Panel("clock, MHz", lambda sample: sample.clock_mhz, False, 2),
    _Panel("power, W", lambda sample: sample.power_w, True, 3),
)


def _unknown(curve: Sequence[Sample]) -> str:
    missing = [p.name.partition(",")[0] for p in _PANELS if all(p.value(sample) is None for sample in curve)]
    if all(sample.throttled is None for sample in curve):
        missing.append("throttling")
    return ", ".join(missing)


def _draw(entry: Entry, width: float) -> Markup:
    curve = entry.row.curve
    panels = [panel for panel in _PANELS if any(panel.value(sample) is not None for sample in curve)]
    right, tall = width - 12, 96.0 if len(panels) > 1 else 200.0
    height = 22 + len(panels) * (tall + _GAP) + 22
    last = max(sample.at for sample in curve)
    minutes = last >= 180
    unit = 60.0 if minutes else 1.0
    x = svg.linear(0, last / unit or 1, _LEFT, right, 8 if width > 500 else 4)
    parts: list[Markup] = []
    bottom = 22 + len(panels) * (tall + _GAP) - _GAP
    parts += _shades(curve, x, unit, 22, bottom)
    for index, panel in enumerate(panels):
        top = 22 + index * (tall + _GAP)
        parts += _panel(panel, curve, x, unit, top, top + tall, right)
    for tick in x.ticks:
        parts.append(svg.text(x(tick), bottom + 17, f"{tick:g}", "tick", "middle"))
    parts.append(svg.text(right, bottom + 34, "minutes" if minutes else "seconds", "axis", "end"))
    told = summary(curve)
    described = f"From {rate(told.first_fps)} to {rate(told.last_fps)} frames a second in {figure(told.seconds)} s"
    if told.hottest is not None:
        described += f", {degrees(told.hottest)} degrees at most"
    return svg.picture(f"{entry.row.key} over time", width, height, *parts, description=described + ".")


def _panel(
    panel: _Panel, curve: Sequence[Sample], x: svg.Scale, unit: float, top: float, bottom: float, right: float
) -> list[Markup]:
    points = _thinned([(s.at / unit, panel.value(s)) for s in curve])
    values = [value for _, value in points if value is not None]
    make = figures.from_zero if panel.zero else figures.between
    y = make(values, bottom, top, 4)
    lines: list[list[tuple[float, float]]] = [[]]
    for at, value in points:  # a gap stays a gap
        if value is None:
            lines.append([])
        else:
            lines[-1].append((x(at), y(value)))
    return [
        *svg.rows(y, _LEFT, right, "{:,g}".format),
        svg.text(0, top - 12, panel.name, "axis"),
        *(svg.path(line, f"trace {figures.color(panel.series)}") for line in lines if len(line) > 1),
        *(
            element("circle", cx=line[0][0], cy=line[0][1], r=2, class_=f"mark {figures.color(panel.series)}")
            for line in lines
            if len(line) == 1
        ),
    ]


def _thinned(points: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    step = math.ceil(len(points) / MOST)
    if step == 1:
        return points
    found: list[tuple[float, float | None]] = []
    for start in range(0, len(points), step):
        part = points[start : start + step]
        known = [value for _, value in part if value is not None]
        found.append((sum(at for at, _ in part) / len(part), sum(known) / len(known) if known else None))
    return found


def _shades(curve: Sequence[Sample], x: svg.Scale, unit: float, top: float, bottom: float) -> list[Markup]:
    """A band for each span in which the clock was held down, named once."""
    spans: list[tuple[float, float]] = []
    before = 0.0
    for sample in curve:
        if sample.throttled:
            if spans and spans[-1][1] == before:
                spans[-1] = (spans[-1][0], sample.at)
            else:
                spans.append((before, sample.at))
        before = sample.at
    bands = [
        figures.tip(
            element(
                "rect", x=x(a / unit), y=top, width=max(1.0, x(b / unit) - x(a / unit)), height=bottom - top,
                class_="shade",
            ),
            f"throttled from {a:.0f} to {b:.0f} s",
        )
        for a, b in spans
    ]  # fmt: skip
    if spans:
        a, b = max(spans, key=lambda span: span[1] - span[0])
        middle = min(max(x((a + b) / 2 / unit), _LEFT + 34), x.end - 34)
        bands.append(svg.text(middle, top - 8, "throttled", "shade-name", "middle"))
    return bands


def _cell(say: Callable[[Summary], str]) -> Callable[[Entry], str | None]:
    return lambda entry: say(summary(entry.row.curve)) if entry.row.curve else None


COLUMNS = (
    Column("minutes", _cell(lambda s: figure(s.seconds / 60))),
    Column("begin", _cell(lambda s: rate(s.first_fps)), "frames/s"),
    Column("end", _cell(lambda s: rate(s.last_fps)), "frames/s", "n strong"),
    Column("least", _cell(lambda s: rate(s.least_fps)), "frames/s"),
    Column("hottest", _cell(lambda s: degrees(s.hottest)), "°C"),
    Column("lowest clock", _cell(lambda s: figure(s.slowest)), "MHz"),
    Column("throttled", _cell(lambda s: percent(s.throttled)), "% of the time"),
    Column("power", _cell(lambda s: figure(s.watts)), "W"),
    Column("p99", lambda e: figure(e.row.timing.p99_ms) if e.row.timing else None, "ms"),
    Column("peak memory", lambda e: figure(e.row.peak_mb), "MB"),
)
