"""Results of ``edge-bench formats`` as tables for the terminal: plain text, which survives a pipe and a log."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.result import Result, Row, Timing

COLUMNS = ("file", "engine", "MB", "load ms", "first ms", "p50 ms", "p90 ms", "p99 ms", "per s", "peak MB")
SCORES = ("accuracy", "macro F1", "agreement")


def show(result: Result) -> str:
    """Return a table for each model and number of threads, what one must know to read it above, its doubts below."""
    environment = result.environment
    cpu = environment.cpu
    has = ", ".join(name for name, there in (cpu.features or {}).items() if there) or "instruction sets unknown"
    machine = environment.device or "an unnamed machine"
    lines = [
        f"on {machine}, {cpu.model or 'unknown processor'} ({has}), {environment.os}",
        f"inputs: {result.inputs}",
    ]
    if result.mode == "quick":
        lines.append("quick: rough figures")
    for (model, size, threads), rows in _groups(result).items():
        lines += ["", f"{model}, {size} px, batch 1, {threads} thread{'s' * (threads != 1)}"]
        measured = [row for row in rows if row.status == "measured"]
        scored = any(row.accuracy is not None for row in measured)
        if measured:
            lines += align([[*COLUMNS, *(SCORES if scored else ())], *(_cells(row, scored) for row in measured)])
        lines += [f"{row.settings['file']}  {row.status}: {row.reason}" for row in rows if row.status != "measured"]
    return "\n".join([*lines, "", *_below(result)]).rstrip()


def margin(share: float, count: int) -> float:
    """Half the width of the 95 % interval of a share seen in ``count`` draws (Wilson 1927, J. ASA 22:209-212)."""
    z = 1.96
    return z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)


def times(timing: Timing) -> list[str]:
    """Return median, 90th and 99th percentile, ms."""
    return [number(value, 2) for value in (timing.p50_ms, timing.p90_ms, timing.p99_ms)]


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pad cells to columns: the first to the left, figures to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    padded = (
        [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))] for row in rows
    )
    return ["  ".join(cells).rstrip() for cells in padded]


def number(value: float | None, digits: int) -> str:
    """Return a figure, or a dash for what is not known."""
    return "-" if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """Return a share as per cent, or a dash for what is not known."""
    return "-" if share is None else f"{100 * share:.1f} %"


def _below(result: Result) -> list[str]:
    scored = [row for row in result.rows if row.accuracy is not None]
    lines = []
    if scored:
        best = max(scored, key=lambda row: row.accuracy or 0)
        within = margin(best.accuracy or 0, best.images or 1)
        lines.append(f"accuracy: {best.images} faces tell it to within {100 * within:.1f} points")
        references = dict.fromkeys(str(row.settings.get("reference") or "no float file, none ran") for row in scored)
        lines.append(f"agreement: same class as {'; '.join(references)}")
    if result.noise is not None:
        lines.append(
            f"noise: the fastest row, measured twice, differs by up to {100 * (result.noise - 1):.1f} %; "
            "smaller differences say nothing"
        )
    return lines + [f"note: {remark}" for remark in result.remarks]


def _groups(result: Result) -> dict[tuple[str, int, int], list[Row]]:
    found: dict[tuple[str, int, int], list[Row]] = {}
    for row in result.rows:
        settings = row.settings
        model = row.key.partition("/")[0]
        place = (model, int(settings.get("input_size") or 0), int(settings.get("threads") or 1))
        found.setdefault(place, []).append(row)
    return found


def _cells(row: Row, scored: bool) -> list[str]:
    timing = row.timing
    if timing is None:
        return [str(row.settings["file"]), *["-"] * (len(COLUMNS) - 1 + (len(SCORES) if scored else 0))]
    cells = [
        str(row.settings["file"]),
        str(row.settings["engine"]).removesuffix(" (cpu)"),
        number(row.size_mb, 2),
        number(row.load_ms, 0),
        number(row.first_ms, 1),
        *times(timing),
        number(timing.per_second, 0 if timing.per_second >= 10 else 1),
        number(row.peak_mb, 0),
    ]
    return [*cells, percent(row.accuracy), number(row.macro_f1, 3), percent(row.agreement)] if scored else cells
