"""A report as a table for the terminal: plain text, so that it survives a pipe, a log and a narrow window."""

from __future__ import annotations

import math

from bench.formats import Report
from bench.records import Row

COLUMNS = (
    "file",
    "engine",
    "MB",
    "load ms",
    "first ms",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "per s",
    "peak MB",
    "accuracy",
    "agreement",
)


def show(report: Report) -> str:
    """Return the table with what one must know to read it above, and its doubts below."""
    environment = report.environment
    cpu = environment.cpu
    has = ", ".join(name for name, there in (cpu.features or {}).items() if there) or "instruction sets unknown"
    measured = [row for row in report.rows if row.measurement]
    scored = any(row.accuracy is not None for row in measured)
    machine = environment.device or "an unnamed machine"
    timing = f"batch 1, {report.threads} thread{'s' * (report.threads != 1)}, {report.seconds:g} s a file"
    lines = [
        f"{report.model}, {report.input_size} px: {timing}{' (quick: rough figures)' if report.quick else ''}",
        f"on {machine}, {cpu.model or 'unknown processor'} ({has}), {environment.os}",
        f"inputs: {report.inputs}",
        "",
        *align([list(COLUMNS if scored else COLUMNS[:-2]), *(_cells(row, scored) for row in measured)]),
    ]
    lines += [f"{row.file}  {row.status}: {row.reason}" for row in report.rows if not row.measurement]
    lines.append("")
    if scored:
        best = max(row.accuracy for row in measured if row.accuracy is not None)
        lines.append(
            f"accuracy: {report.images} faces tell it to within {100 * margin(best, report.images):.1f} points"
        )
        lines.append(f"agreement: same class as {report.reference or 'no float file, none ran'}")
    lines += [f"note: {remark}" for remark in report.remarks]
    return "\n".join(lines).rstrip()


def margin(share: float, count: int) -> float:
    """Half the width of the 95 % interval of a share seen in ``count`` draws (Wilson 1927, J. ASA 22:209-212)."""
    z = 1.96
    return z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)


def _cells(row: Row, scored: bool) -> list[str]:
    found = row.measurement
    if found is None:
        return [row.file]
    cells = [
        row.file,
        found.engine.removesuffix(" (cpu)"),
        "-" if row.size_mb is None else f"{row.size_mb:.2f}",
        f"{found.load_ms:.0f}",
        f"{found.first_ms:.1f}",
        f"{found.p50_ms:.2f}",
        f"{found.p90_ms:.2f}",
        "-" if found.p99_ms is None else f"{found.p99_ms:.2f}",
        f"{found.per_second:.0f}" if found.per_second >= 10 else f"{found.per_second:.1f}",
        "-" if found.peak_rss_mb is None else f"{found.peak_rss_mb:.0f}",
    ]
    return [*cells, _percent(row.accuracy), _percent(row.agreement)] if scored else cells


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def align(rows: list[list[str]]) -> list[str]:
    """Pad cells to columns: the first to the left, figures to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    padded = (
        [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))] for row in rows
    )
    return ["  ".join(cells) for cells in padded]
