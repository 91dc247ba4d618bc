"""Against others: what people use today, on the same clips and images, in one run."""

from __future__ import annotations

from bench.report import bars, table
from bench.report.figures import caption, lead
from bench.report.gathering import Entry, Found
from bench.report.intervals import share_interval
from bench.report.numbers import figure, percent, rate, whole
from bench.report.sections.devices import each
from bench.report.table import Column
from edge.markup import Markup, join


def peers(found: Found) -> Markup | None:
    """Return the section."""
    return each(found, ("peers",), _device)


def _device(entries: list[Entry], device: str) -> Markup:
    timed = [entry for entry in entries if entry.measured and entry.row.timing]
    speeds = {entry.row.settings.get("peer", entry.row.key): _speed(entry) for entry in timed}
    ordered = sorted(entries, key=lambda e: -speeds.get(e.row.settings.get("peer", e.row.key), 0.0))
    most = max(map(_speed, timed), default=0.0)
    columns = (
        Column("", lambda e: rate(_speed(e)) if e.row.timing else None, "per s", "n strong"),
        Column("", lambda e: bars.bar(_speed(e), most, f"{rate(_speed(e))} a second", "s0") if e.row.timing else None,
               "", "plot"),
        Column("p50", lambda e: figure(e.row.timing.p50_ms) if e.row.timing else None, "ms"),
        Column("p90", lambda e: figure(e.row.timing.p90_ms) if e.row.timing else None, "ms"),
        Column("p99", lambda e: figure(e.row.timing.p99_ms) if e.row.timing else None, "ms"),
        Column("CPU", lambda e: figure(e.row.cpu_ms), "ms"),
        Column("peak memory", lambda e: figure(e.row.peak_mb), "MB"),
        Column("load", lambda e: figure(e.row.load_ms), "ms"),
        Column("faces", lambda e: figure(e.row.faces_per_frame), "a frame"),
        Column("accuracy", lambda e: percent(e.row.accuracy), "%", "n strong"),
        Column("", _interval, "", "n soft"),
        Column("macro F1", lambda e: None if e.row.macro_f1 is None else f"{e.row.macro_f1:.3f}"),
        Column("images", lambda e: whole(e.row.images)),
    )  # fmt: skip
    return join(
        _told(timed),
        table.entries(f"Against others on {device}", ordered, columns, head="what"),
        caption("Measured in one run, in turns, each in an environment of its own. ±: 95 % interval (Wilson)."),
        table.notes(ordered),
    )


def _told(timed: list[Entry]) -> Markup | None:
    if len(timed) < 2:
        return None
    ordered = sorted(timed, key=_speed, reverse=True)
    first, second = ordered[0], ordered[1]
    times = _speed(first) / _speed(second)
    return lead(
        table.spoken(first.row.key.removeprefix("peers/"), first),
        f" does {rate(_speed(first))} a second, {figure(times)} times as many as ",
        table.spoken(second.row.key.removeprefix("peers/"), second),
        ".",
    )


def _speed(entry: Entry) -> float:
    return entry.row.timing.per_second if entry.row.timing else 0.0


def _interval(entry: Entry) -> str | None:
    row = entry.row
    if row.accuracy is None or not row.images:
        return None
    low, high = share_interval(row.accuracy, row.images)
    return f"± {50 * (high - low):.1f}"
