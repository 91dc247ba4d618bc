"""Whole frames: where their time goes, and what faces and resolution cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bench.report import bars, lines, naming, table
from bench.report.figures import caption, keys, lead
from bench.report.gathering import Entry, Found
from bench.report.numbers import figure, percent, rate, whole
from bench.report.sections.devices import each
from bench.report.table import Column
from bench.result import Stage, Value
from edge.markup import Markup, element, join

#: Stages in the order of a frame, and the classes of their bars; waiting and the rest are gray.
STAGES = {
    "capture": "t4",
    "waiting": "pale",
    "detect": "t0",
    "tracking": "t5",
    "crops": "t2",
    "classify": "t1",
    "other": "rest",
    "sinks": "t3",
}

#: Of stages that are not known here.
OTHERS = ("t6", "t7")

#: Most lines of one plot.
MOST = 6


def pipeline(found: Found) -> Markup | None:
    """Return the section."""
    return each(found, ("pipeline",), _device)


def _device(entries: list[Entry], device: str) -> Markup:
    measured = [entry for entry in entries if entry.measured]
    staged = [entry for entry in measured if entry.row.stages]
    return join(
        _told(measured),
        join(
            element("h4", "Where the time of a frame goes"),
            _key(staged),
            _stages(staged, device),
            caption(
                "Thick bars: time from a stage's begin to its end, median. Thin bars: processor time of all threads, "
                "mean. All bars on one scale."
            ),
        )
        if staged
        else None,
        _curves(measured, device),
        element("h4", "All settings"),
        table.entries(f"Whole frames on {device}", entries, COLUMNS, head="setting"),
        table.notes(entries),
    )


def _told(entries: Sequence[Entry]) -> Markup | None:
    timed = _free(entries)
    if not timed:
        return None
    best = max(timed, key=lambda entry: entry.row.timing.per_second if entry.row.timing else 0)
    worst = min(timed, key=lambda entry: entry.row.timing.per_second if entry.row.timing else 0)
    assert best.row.timing and worst.row.timing
    briefly = dict(zip((e.row.key for e in timed), naming.briefly([e.row.key for e in timed]), strict=True))
    words = [f"{rate(best.row.timing.per_second)} frames a second: ", table.spoken(briefly[best.row.key], best)]
    if worst is not best:
        words += [f"; {rate(worst.row.timing.per_second)}: ", table.spoken(briefly[worst.row.key], worst)]
    return lead(*words, ".")


def _free(entries: Sequence[Entry]) -> list[Entry]:
    """Rows whose frames came as fast as they were read; speed says something of these alone, where there are any."""
    timed = [entry for entry in entries if entry.row.timing]
    return [entry for entry in timed if not entry.paced] or timed


def _colors(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the class of each stage that occurs, in the order of a frame."""
    names = dict.fromkeys(stage.name for entry in entries for stage in entry.row.stages)
    unknown = [name for name in names if name not in STAGES]
    known = {name: class_ for name, class_ in STAGES.items() if name in names}
    return known | {name: OTHERS[index % len(OTHERS)] for index, name in enumerate(unknown)}


def _key(entries: Sequence[Entry]) -> Markup:
    return keys(*((bars.swatch(class_), name) for name, class_ in _colors(entries).items()))


def _stages(entries: Sequence[Entry], device: str) -> Markup:
    colors = _colors(entries)

    def total(entry: Entry, field: str) -> float:
        return sum(getattr(stage, field) or 0.0 for stage in entry.row.stages)

    most = max(max(total(entry, "wall_ms"), total(entry, "cpu_ms")) for entry in entries)

    def bar(entry: Entry) -> Markup:
        by_name = {stage.name: stage for stage in entry.row.stages}
        ordered = [by_name[name] for name in colors if name in by_name]
        walls = [(s.wall_ms, colors[s.name], f"{s.name}: {figure(s.wall_ms)} ms") for s in ordered if s.wall_ms]
        cpus = [(s.cpu_ms, colors[s.name], f"{s.name}: {figure(s.cpu_ms)} ms of CPU") for s in ordered if s.cpu_ms]
        words = f"{entry.row.key}: " + ", ".join(said for _, _, said in (*walls, *cpus))
        return bars.stacked([walls, cpus], most, words)

    def stage_of(entry: Entry, name: str) -> Stage | None:
        return next((stage for stage in entry.row.stages if stage.name == name), None)

    def cell(name: str) -> Callable[[Entry], str | None]:
        def say(entry: Entry) -> str | None:
            stage = stage_of(entry, name)
            if stage is None:
                return None
            wall = figure(stage.wall_ms)
            return wall if stage.cpu_ms is None else f"{wall} / {figure(stage.cpu_ms)}"

        return say

    drawn = (
        Column("", bar, "", "plot wide"),
        Column("time", lambda e: figure(total(e, "wall_ms") or None), "ms", "n strong"),
        Column("CPU", lambda e: figure(total(e, "cpu_ms") or None), "ms"),
    )
    numbers = [Column(name, cell(name), "time / CPU, ms") for name in colors]
    return join(
        table.entries(f"Stages of a frame on {device}", entries, drawn, head="setting", class_="bars"),
        element(
            "details",
            element("summary", "Every stage in numbers"),
            table.entries(f"Stages of a frame on {device}, in numbers", entries, numbers, head="setting"),
        ),
    )


def _curves(entries: Sequence[Entry], device: str) -> Markup | None:
    timed = _free(entries)
    plots = [
        _faces(timed, device),
        _resolution(timed, device),
    ]
    drawn = [plot for plot in plots if plot]
    if not drawn:
        return None
    return join(element("h4", "What faces and resolution cost"), element("div", *drawn, class_="pair"))


def _faces(entries: Sequence[Entry], device: str) -> Markup | None:
    def faces(entry: Entry) -> float | None:
        value = entry.row.settings.get("faces")
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    series = _series(entries, faces, ("faces",))
    if not series:
        return None
    ticks = sorted({x for one in series for x, _ in one.points})
    axis = lines.Axis("faces in the picture", tuple(ticks))
    return lines.plot(f"Frames a second against faces on {device}", "frames/s", axis, series)


def _resolution(entries: Sequence[Entry], device: str) -> Markup | None:
    def pixels(entry: Entry) -> float | None:
        width, height = entry.row.settings.get("width"), entry.row.settings.get("height")
        return width * height / 1e6 if isinstance(width, int) and isinstance(height, int) else None

    series = _series(entries, pixels, ("width", "height"))
    if not series:
        return None
    names = {pixels(entry): naming.size_of(entry.row.settings) for entry in entries}
    ticks = sorted({x for one in series for x, _ in one.points})
    axis = lines.Axis("picture, pixels", tuple(ticks), lambda x: names.get(x) or f"{x:g} M", log=True)
    return lines.plot(f"Frames a second against resolution on {device}", "frames/s", axis, series)


def _series(
    entries: Sequence[Entry], x: Callable[[Entry], float | None], varied: tuple[str, ...]
) -> list[lines.Series]:
    """Rows that differ in nothing but what is varied become a line; lines of a single point are none."""
    groups: dict[bytes, list[Entry]] = {}
    for entry in entries:
        if x(entry) is not None:
            groups.setdefault(msgspec.json.encode(sorted(_others(entry, varied).items())), []).append(entry)
    kept = [group for group in groups.values() if len({x(entry) for entry in group}) > 1]
    kept = sorted(kept, key=len, reverse=True)[:MOST]
    names = naming.telling([_others(group[0], varied) for group in kept])
    found = []
    for name, group in zip(names, kept, strict=True):
        placed = sorted((x(e) or 0.0, e.row.timing.per_second, e.row.key) for e in group if e.row.timing)
        points = tuple((a, b) for a, b, _ in placed)
        words = tuple(f"{key}: {rate(speed)} frames/s" for _, speed, key in placed)
        found.append(lines.Series(name, points, words, any(entry.quick for entry in group)))
    return sorted(found, key=lambda one: -one.points[-1][1])


def _others(entry: Entry, varied: tuple[str, ...]) -> dict[str, Value]:
    """Settings that are not varied. A clip follows from its size and faces, so it does not separate rows."""
    return {n: v for n, v in entry.row.settings.items() if n not in varied and n not in ("source", "clip")}


COLUMNS = (
    Column("", lambda e: rate(e.row.timing.per_second) if e.row.timing else None, "frames/s", "n strong"),
    Column("p50", lambda e: figure(e.row.timing.p50_ms) if e.row.timing else None, "ms", hint="median of one frame"),
    Column("p90", lambda e: figure(e.row.timing.p90_ms) if e.row.timing else None, "ms"),
    Column("p99", lambda e: figure(e.row.timing.p99_ms) if e.row.timing else None, "ms"),
    Column(
        "latency p50", lambda e: figure(e.row.latency.p50_ms) if e.row.latency else None, "ms", hint="to the result"
    ),
    Column("latency p99", lambda e: figure(e.row.latency.p99_ms) if e.row.latency else None, "ms"),
    Column("CPU", lambda e: figure(e.row.cpu_ms), "ms", hint="processor time of a frame, all threads"),
    Column("frames", lambda e: whole(e.row.frames)),
    Column("dropped", lambda e: _dropped(e), "%"),
    Column("faces", lambda e: figure(e.row.faces_per_frame), "a frame"),
    Column("peak memory", lambda e: figure(e.row.peak_mb), "MB"),
    Column("energy", lambda e: None if e.row.joules is None else figure(1e3 * e.row.joules), "mJ a frame"),
)


def _dropped(entry: Entry) -> str | None:
    frames, dropped = entry.row.frames, entry.row.dropped
    if dropped is None or frames is None or not frames + dropped:
        return None
    return percent(dropped / (frames + dropped))
