"""Counted, not timed: instructions on processors that are emulated here; estimates are marked as such."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report import bars, table
from bench.report.figures import caption, keys
from bench.report.gathering import Entry, Found
from bench.report.numbers import figure, large, percent, whole
from bench.report.table import Column
from edge.markup import Markup, element, join


def counts(found: Found) -> Markup | None:
    """Return the section: a part for each processor that was emulated, whatever machine emulated it."""
    entries = [e for e in found.entries("instructions") if e.row.counts or not e.measured]
    if not entries:
        return None
    chips = list(dict.fromkeys(str(entry.row.settings.get("cpu") or "processor not named") for entry in entries))
    most = max((entry.row.counts.instructions for entry in entries if entry.row.counts), default=0)
    key = keys(
        (bars.swatch("t0"), "dot products"), (bars.swatch("t1"), "other SIMD and floating point"),
        (bars.swatch("rest"), "all others"),
    )  # fmt: skip
    parts = [key if most else None]
    for chip in sorted(chips):
        mine = [e for e in entries if str(e.row.settings.get("cpu") or "processor not named") == chip]
        parts.append(element("h3", f"Emulated {naming_of(chip)}" if "not named" not in chip else chip))
        parts.append(_table(mine, chip, most))
    parts.append(
        caption(
            "These are counts of executed instructions under emulation, not times: a processor does several in one "
            "clock, and waits for memory at others. Bars share one scale."
        )
    )
    parts.append(_estimates(entries))
    parts.append(table.notes(entries))
    return join(*parts)


def naming_of(chip: str) -> str:
    """Return a processor's name as its maker writes it: ``cortex-a72``: ``Cortex-A72``."""
    return "-".join(part.upper() if any(c.isdigit() for c in part) else part.capitalize() for part in chip.split("-"))


def _table(entries: Sequence[Entry], chip: str, most: int) -> Markup:
    columns = (
        Column("instructions", _instructions, "counted", "n strong"),
        Column("", lambda e: _bar(e, most), "", "plot"),
        Column("SIMD", lambda e: _share(e, e.row.counts.simd) if e.row.counts else None, "% of them"),
        Column("dot products", lambda e: _share(e, e.row.counts.dot) if e.row.counts else None, "% of them"),
        Column("loads, stores", lambda e: _share(e, e.row.counts.loads_stores) if e.row.counts else None, "% of them"),
        Column("MACs", lambda e: whole(e.row.counts.macs) if e.row.counts else None, "of the network"),
        Column("moved", lambda e: _megabytes(e), "MB"),
    )  # fmt: skip
    return table.entries(f"Instructions on an emulated {naming_of(chip)}", entries, columns, head="inference or frame")


def _instructions(entry: Entry) -> str | None:
    return whole(entry.row.counts.instructions) if entry.row.counts else None


def _estimate(entry: Entry) -> str | None:
    return f"≈ {figure(entry.row.counts.estimate_ms)}" if entry.row.counts else None


def _share(entry: Entry, part: int | None) -> str | None:
    counted = entry.row.counts
    return None if counted is None or part is None else percent(part / max(1, counted.instructions))


def _megabytes(entry: Entry) -> str | None:
    counted = entry.row.counts
    return None if counted is None or counted.bytes_moved is None else figure(counted.bytes_moved / 1e6)


def _bar(entry: Entry, most: int) -> Markup | None:
    counted = entry.row.counts
    if counted is None:
        return None
    dot, simd = counted.dot or 0, counted.simd or 0
    parts = [
        (float(value), class_, f"{large(value)} {what}")
        for value, class_, what in (
            (dot, "t0", "dot products"),
            (max(0, simd - dot), "t1", "other SIMD and floating point"),
            (counted.instructions - max(simd, dot), "rest", "others"),
        )
        if value > 0
    ]
    words = f"{large(counted.instructions)} instructions: " + ", ".join(said for _, _, said in parts)
    return bars.stacked([parts], most, words)


def _estimates(entries: Sequence[Entry]) -> Markup | None:
    guessed = [e for e in entries if e.row.counts and e.row.counts.estimate_ms is not None]
    if not guessed:
        return None
    columns = (
        Column("estimate", _estimate, "ms", "n guess"),
    )  # fmt: skip

    assumptions = list(dict.fromkeys(line for e in guessed if e.row.counts for line in e.row.counts.assumptions))
    return element(
        "div",
        element("h3", "Estimates ", element("span", "estimate", class_="chip guess")),
        element(
            "p",
            "Nobody measured these. They say what the time would be if memory or arithmetic alone set the pace "
            "(roofline).",
        ),
        table.entries("Roofline estimates", guessed, columns, head="inference or frame", class_="guesses"),
        element("p", "They assume:") if assumptions else None,
        element("ul", *(element("li", line) for line in assumptions)) if assumptions else None,
        class_="estimates",
    )
