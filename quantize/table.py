"""The table at the end of ``edge-quantize``: one line a format, in the manner of Ultralytics' benchmark."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edge.wording import plain
from quantize.record import Report, Row

#: What a narrow terminal window shows without breaking lines.
WIDTH = 100

_HEADS = ("", "file", "status", "MB", "acc %", "lost", "95 % CI", "same %", "logits", "ms", "FPS")
#: Columns of words are flush left, numbers flush right.
_LEFT = (1, 2)
_KEY = "lost: points of accuracy, CI paired; same: the checkpoint's emotion; logits: largest difference"
_STYLES = {"made": "green", "kept": "green", "failed": "bold red", "refused": "yellow"}
_LONGEST_NAME = 24


def table(report: Report) -> str:
    """Return the table as plain text of at most :data:`WIDTH` columns; below it what is wrong, one line a file."""
    lines = [text for text, _ in _lines(report)]
    return "\n".join((*lines, *_problems(report)))


def show(report: Report) -> None:
    """Print the table: in colour on a terminal, as :func:`table` gives it where output is piped or rich is missing."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ModuleNotFoundError:
        print(table(report))
        return
    if not sys.stdout.isatty():
        print(table(report))
        return
    console = Console(highlight=False)
    for line, style in _lines(report):
        console.print(Text(line, style), soft_wrap=True)
    for problem in _problems(report):
        console.print(Text(problem, "red"), soft_wrap=True)


def _lines(report: Report) -> list[tuple[str, str]]:
    """Each line with the style it has on a terminal."""
    cells = [_HEADS, _cells(0, report.checkpoint, "-"), *(_cells(i, row) for i, row in enumerate(report.rows, 1))]
    styles = ["bold", "dim", *(_STYLES[row.status] for row in report.rows)]
    lines = list(zip(_fitted(cells), styles, strict=True))
    return [*lines, *([(_KEY, "dim")] if any(row.parity for row in report.rows) else [])]


def _cells(index: int, row: Row, status: str | None = None) -> tuple[str, ...]:
    parity, latency = row.parity, row.latency
    lost = interval = ""
    if parity and parity.accuracy_drop is not None:
        lost = _points(parity.accuracy_drop)
        if parity.accuracy_drop_interval:
            interval = "..".join(map(_points, parity.accuracy_drop_interval))
    return (
        str(index),
        row.file if len(row.file) <= _LONGEST_NAME else row.file[: _LONGEST_NAME - 2] + "..",
        status or {"failed": "FAILED"}.get(row.status, row.status),
        "" if row.size is None else f"{row.size / 1e6:.2f}",
        "" if row.metrics is None else f"{100 * row.metrics.accuracy:.2f}",
        lost,
        interval,
        "" if parity is None else f"{100 * parity.agreement:.2f}",
        "" if parity is None else plain(parity.logit_difference),
        "" if latency is None else f"{latency.p50_ms:.2f}",
        "" if latency is None else _rate(1000 / latency.p50_ms),
    )


def _rate(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


def _points(share: float) -> str:
    """In percentage points, ASCII alone: pipes on Windows can't take a true minus sign."""
    return f"{round(100 * share, 2) + 0.0:.2f}"


def _fitted(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """Align the cells, one space apart where two would be too wide; a column without any entry says nothing."""
    shown = [c for c in range(len(_HEADS)) if any(row[c] for row in cells[1:])]
    widths = {c: max(len(row[c]) for row in cells) for c in shown}
    gap = "  " if sum(widths.values()) + 2 * (len(shown) - 1) <= WIDTH else " "
    return [gap.join(_padded(row[c], widths[c], c) for c in shown).rstrip() for row in cells]


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column in _LEFT else cell.rjust(width)


def _problems(report: Report) -> list[str]:
    words = {"failed": "kept out", "refused": "not tried"}
    return [
        f"{row.file} {words.get(row.status, row.status)}: {' '.join(row.problem.split())}"
        for row in report.rows
        if row.problem
    ]
