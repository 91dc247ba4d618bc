"""Speed and accuracy: the plot, and the table of all files."""

from __future__ import annotations

from bench.report import naming, scatter, table
from bench.report.figures import caption, lead
from bench.report.gathering import Entry, Found
from bench.report.intervals import median_interval, share_interval
from bench.report.numbers import MISSING, figure, percent, rate, whole
from bench.report.sections.devices import each
from bench.report.table import Column
from edge.markup import Markup, join


def accuracy(found: Found) -> Markup | None:
    """Return the section."""
    return each(found, ("formats",), _device)


def _device(entries: list[Entry], device: str) -> Markup:
    points = scatter.points(entries)
    return join(
        lead(_told(points)) if points else lead("No file has both a time and an accuracy here: nothing to plot."),
        scatter.plot(points, device) if points else None,
        caption(
            "Vertical lines: 95 % interval of the accuracy (Wilson), from the number of faces; files that see the same "
            "faces differ by less than it says. Horizontal ones: 95 % interval of the median, from blocks of the run."
        )
        if points
        else None,
        table.entries(f"Files on {device}", entries, COLUMNS, head="file"),
        caption("Times of one inference, batch 1. ± and “to”: the 95 % intervals of the plot.") if entries else None,
        table.notes(entries),
    )


def _told(points: list[scatter.Point]) -> Markup:
    winners = scatter.best(points)
    fast, right = winners[0], winners[-1]
    keys = [point.entry.row.key for point in points]
    briefly = dict(zip(keys, naming.briefly(keys), strict=True))
    first = table.spoken(briefly[fast.entry.row.key], fast.entry)
    if fast is right:
        return join(first, f" is both the fastest and the most accurate: {scatter.spoken(fast)}.")
    second = table.spoken(briefly[right.entry.row.key], right.entry)
    return join("Fastest: ", first, f", {scatter.spoken(fast)}. Most accurate: ", second, f", {scatter.spoken(right)}.")


def _p50(entry: Entry) -> str | None:
    return figure(entry.row.timing.p50_ms) if entry.row.timing else None


def _between(entry: Entry) -> str | None:
    interval = median_interval(entry.row.timing.blocks) if entry.row.timing else None
    return f"{figure(interval[0])} to {figure(interval[1])}" if interval else None


def _give_or_take(entry: Entry) -> str | None:
    row = entry.row
    if row.accuracy is None or not row.images:
        return None
    low, high = share_interval(row.accuracy, row.images)
    return f"± {50 * (high - low):.1f}"


COLUMNS = (
    Column("p50", _p50, "ms", "n strong", hint="median time of one inference"),
    Column("", _between, "", "n soft"),
    Column("p90", lambda e: figure(e.row.timing.p90_ms) if e.row.timing else None, "ms"),
    Column("p99", lambda e: figure(e.row.timing.p99_ms) if e.row.timing else None, "ms"),
    Column("", lambda e: rate(e.row.timing.per_second) if e.row.timing else None, "per s"),
    Column("CPU", lambda e: figure(e.row.cpu_ms), "ms", hint="processor time of one inference, all threads"),
    Column("accuracy", lambda e: percent(e.row.accuracy), "%", "n strong"),
    Column("", _give_or_take, "", "n soft"),
    Column("macro F1", lambda e: MISSING if e.row.macro_f1 is None else f"{e.row.macro_f1:.3f}"),
    Column("agreement", lambda e: percent(e.row.agreement), "%", hint="same class as the reference file"),
    Column("faces", lambda e: whole(e.row.images)),
    Column("energy", lambda e: None if e.row.joules is None else figure(1e3 * e.row.joules), "mJ"),
)
