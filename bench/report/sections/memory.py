"""Size on disk, memory, and how long it takes to begin."""

from __future__ import annotations

from bench.report import bars, naming, table
from bench.report.figures import caption, keys
from bench.report.gathering import Entry, Found
from bench.report.numbers import figure
from bench.report.sections.devices import each
from bench.report.table import Column
from edge.markup import Markup, join


def memory(found: Found) -> Markup | None:
    """Return the section."""
    return each(found, ("formats",), _device)


def _device(entries: list[Entry], device: str) -> Markup | None:
    rows = _one_each([entry for entry in entries if entry.measured and _says(entry)])
    if not rows:
        return None
    sizes = max((entry.row.size_mb or 0.0 for entry in rows), default=0.0)
    peaks = max((entry.row.peak_mb or 0.0 for entry in rows), default=0.0)
    columns = (
        Column("size", lambda e: figure(e.row.size_mb), "MB"),
        Column("", lambda e: _size(e, sizes), "", "plot"),
        Column("peak memory", lambda e: figure(e.row.peak_mb), "MB", hint="largest resident memory of the process"),
        Column("", lambda e: _peak(e, peaks), "", "plot"),
        Column("load", lambda e: figure(e.row.load_ms), "ms", hint="from nothing to a loaded network"),
        Column("first", lambda e: figure(e.row.first_ms), "ms", hint="the first inference"),
    )
    based = any(entry.row.base_mb is not None for entry in rows)
    return join(
        keys((bars.swatch("pale"), "there before the runtime came"), (bars.swatch("s1"), "runtime and model"))
        if based
        else None,
        table.entries(f"Size and memory on {device}", rows, columns, head="file"),
        caption("Each file once, with the fewest threads it was measured with. MB of 10⁶ bytes."),
    )


def _says(entry: Entry) -> bool:
    return entry.row.size_mb is not None or entry.row.peak_mb is not None


def _one_each(entries: list[Entry]) -> list[Entry]:
    """A row for each file: more threads change neither its size nor, noticeably, its memory."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in sorted(entries, key=lambda entry: _threads(entry)):
        found.setdefault((naming.series_of(entry.row), naming.file_of(entry.row) or entry.row.key), entry)
    kept = set(map(id, found.values()))
    return [entry for entry in entries if id(entry) in kept]


def _threads(entry: Entry) -> int:
    threads = entry.row.settings.get("threads")
    return threads if isinstance(threads, int) else 0


def _size(entry: Entry, most: float) -> Markup | None:
    size = entry.row.size_mb
    return None if size is None else bars.bar(size, most, f"{figure(size)} MB on disk", "s0")


def _peak(entry: Entry, most: float) -> Markup | None:
    peak, base = entry.row.peak_mb, entry.row.base_mb or 0.0
    if peak is None:
        return None
    parts = [(base, "pale", f"{figure(base)} MB before the runtime came")] if base else []
    parts.append((max(0.0, peak - base), "s1", f"{figure(peak - base)} MB runtime and model"))
    return bars.stacked([parts], most, f"{figure(peak)} MB at the peak")
