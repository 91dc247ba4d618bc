"""Results as Markdown tables, and putting them between two marks of a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.report.gathering import Entry, Found
from bench.report.intervals import share_interval
from bench.report.numbers import MISSING, day, degrees, figure, percent, rate, whole
from bench.report.sections.sustained import summary
from bench.result import Kind
from edge.errors import EdgeError
from edge.files import write_atomically

#: Lines of a document between which tables are put.
BEGIN, END = "<!-- edge-bench report -->", "<!-- /edge-bench report -->"

#: A column: its heading, and what a row has there.
Column = tuple[str, Callable[[Entry], str | None]]


def tables(found: Found) -> str:
    """Return a table for each device and kind of result, with what it was measured on."""
    parts = []
    for device in found.devices:
        for kind, columns in KINDS.items():
            entries = found.entries(kind, device=device)
            if entries:
                parts.append(_table(device, kind, entries, columns))
    return "\n\n".join(parts) if parts else "No results yet."


def put(text: str, document: Path) -> bool:
    """Put text between the marks of a document, and return whether that changed it.

    Raises:
        EdgeError: unreadable, or the two marks don't stand there once each, in order.
    """
    try:
        with document.open(encoding="utf-8", newline="") as file:  # line ends stay as they are
            before = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise EdgeError(f"cannot read {document}: {reason}") from error
    if before.count(BEGIN) != 1 or before.count(END) != 1 or before.index(BEGIN) > before.index(END):
        raise EdgeError(f"{document} needs the lines {BEGIN} and {END}, once each and in this order; add them")
    end = "\r\n" if "\r\n" in before else "\n"
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    after = f"{head}{BEGIN}{end}{end}{text.replace(chr(10), end)}{end}{end}{END}{tail}"
    if after == before:
        return False
    write_atomically(document, after.encode())
    return True


def _table(device: str, kind: Kind, entries: Sequence[Entry], columns: Sequence[Column]) -> str:
    good = [entry for entry in entries if entry.measured]
    used = [(head, cell) for head, cell in columns if any(cell(e) not in (None, MISSING) for e in good)]
    lines = [f"**{device}**, {TITLES[kind]}: {_where(entries)}", ""]
    if good:
        lines += [f"| | {' | '.join(head for head, _ in used)} |", f"|---|{'---:|' * len(used)}"]
        lines += [f"| {_name(e)} | {' | '.join(cell(e) or '' for _, cell in used)} |" for e in good]
    bad = [f"- {_name(e)} {e.row.status}: {_escaped(e.row.reason or 'no reason was recorded')}" for e in entries
           if not e.measured]  # fmt: skip
    lines += ([""] if good and bad else []) + bad
    assumptions = dict.fromkeys(a for e in good if e.row.counts for a in e.row.counts.assumptions)
    if assumptions:
        lines += ["", f"Estimates were not measured. They assume: {_escaped('; '.join(assumptions))}."]
    return "\n".join(lines).rstrip()


def _where(entries: Sequence[Entry]) -> str:
    """Processor, dates, commits, noise: once for all rows."""
    results = list({id(entry.result): entry.result for entry in entries}.values())
    environment = results[0].environment
    days = sorted({day(result.time) for result in results})
    commits = list(dict.fromkeys(result.commit or f"version {result.version}" for result in results))
    noises = [result.noise for result in results if result.noise is not None]
    facts = [
        environment.cpu.model,
        environment.os,
        " to ".join(dict.fromkeys((days[0], days[-1]))),
        ", ".join(commits) if len(commits) <= 2 else f"{len(commits)} commits",
        f"noise {percent(max(noises) - 1)} %" if noises else "noise not checked",
    ]
    if any(result.mode == "quick" for result in results):
        facts.append("*quick* rows are rough")
    return _escaped(", ".join(fact for fact in facts if fact)) + "."


def _name(entry: Entry) -> str:
    return f"`{_escaped(entry.row.key)}`{' *quick*' if entry.quick else ''}"


def _escaped(text: str) -> str:
    """Keep text in its cell, and from being markup."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def _accuracy(entry: Entry) -> str | None:
    row = entry.row
    if row.accuracy is None:
        return None
    if not row.images:
        return percent(row.accuracy)
    low, high = share_interval(row.accuracy, row.images)
    return f"{percent(row.accuracy)} ± {50 * (high - low):.1f}"


_P50: Column = ("p50, ms", lambda e: figure(e.row.timing.p50_ms) if e.row.timing else None)
_P90: Column = ("p90, ms", lambda e: figure(e.row.timing.p90_ms) if e.row.timing else None)
_P99: Column = ("p99, ms", lambda e: figure(e.row.timing.p99_ms) if e.row.timing else None)
_RATE: Column = ("per s", lambda e: rate(e.row.timing.per_second) if e.row.timing else None)
_CPU: Column = ("CPU, ms", lambda e: figure(e.row.cpu_ms))
_PEAK: Column = ("peak MB", lambda e: figure(e.row.peak_mb))
_ACCURACY: Column = ("accuracy, %", _accuracy)

TITLES: dict[Kind, str] = {
    "formats": "one inference",
    "pipeline": "whole frames",
    "sustained": "long runs",
    "instructions": "instructions counted under emulation, not timed",
    "peers": "against others",
}

KINDS: dict[Kind, Sequence[Column]] = {
    "formats": (
        ("MB", lambda e: figure(e.row.size_mb)),
        _P50, _P90, _P99, _RATE, _PEAK,
        ("load, ms", lambda e: figure(e.row.load_ms)),
        ("first, ms", lambda e: figure(e.row.first_ms)),
        _ACCURACY,
        ("agreement, %", lambda e: percent(e.row.agreement)),
    ),
    "pipeline": (
        _RATE, _P50, _P90, _P99,
        ("latency p50, ms", lambda e: figure(e.row.latency.p50_ms) if e.row.latency else None),
        _CPU,
        ("dropped", lambda e: whole(e.row.dropped)),
        ("faces a frame", lambda e: figure(e.row.faces_per_frame)),
        _PEAK,
    ),
    "sustained": (
        ("minutes", lambda e: figure(summary(e.row.curve).seconds / 60) if e.row.curve else None),
        ("begin, per s", lambda e: rate(summary(e.row.curve).first_fps) if e.row.curve else None),
        ("end, per s", lambda e: rate(summary(e.row.curve).last_fps) if e.row.curve else None),
        ("hottest, °C", lambda e: degrees(summary(e.row.curve).hottest) if e.row.curve else None),
        ("throttled, %", lambda e: percent(summary(e.row.curve).throttled) if e.row.curve else None),
        _P99, _PEAK,
    ),
    "instructions": (
        ("instructions", lambda e: whole(e.row.counts.instructions) if e.row.counts else None),
        ("loads, stores", lambda e: whole(e.row.counts.loads_stores) if e.row.counts else None),
        ("SIMD", lambda e: whole(e.row.counts.simd) if e.row.counts else None),
        ("dot products", lambda e: whole(e.row.counts.dot) if e.row.counts else None),
        ("MACs", lambda e: whole(e.row.counts.macs) if e.row.counts else None),
        ("*estimate*, ms", lambda e: _estimate(e)),
    ),
    "peers": (_RATE, _P50, _P90, _P99, _CPU, _PEAK, _ACCURACY),
}  # fmt: skip


def _estimate(entry: Entry) -> str | None:
    counted = entry.row.counts
    return None if counted is None or counted.estimate_ms is None else f"≈ {figure(counted.estimate_ms)}"
