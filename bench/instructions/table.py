"""Counts as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from bench.result import Counts, Result, Row
from bench.table import align

COLUMNS = (
    "of one inference or frame",
    "instructions",
    "loads, stores",
    "SIMD",
    "dot",
    "MACs",
    "MB moved",
    "estimate ms*",
)


def show(result: Result) -> str:
    """Return the table, what its estimates rest on, and its doubts."""
    counted = [(row, row.counts) for row in result.rows if row.counts]
    lines = align([list(COLUMNS), *(_cells(row, counts) for row, counts in counted)])
    lines += [f"{row.key}  {row.status}: {row.reason}" for row in result.rows if not row.counts]
    lines += ["", *_footnotes([counts for _, counts in counted])]
    notes = dict.fromkeys(note for row in result.rows for note in row.notes)
    if result.noise is not None:
        lines.append(f"everything was counted twice; the counts differ by {100 * (result.noise - 1):.4f} % at the most")
    lines += [f"note: {text}" for text in (*notes, *result.remarks)]
    return "\n".join(lines).rstrip()


def _cells(row: Row, counts: Counts) -> list[str]:
    moved = None if counts.bytes_moved is None else f"{counts.bytes_moved / 1e6:.2f}"
    figures = (counts.instructions, counts.loads_stores, counts.simd, counts.dot, counts.macs)
    bound = None if counts.estimate_ms is None else f"{counts.estimate_ms:.2f}"
    return [row.key, *("-" if figure is None else f"{figure:,}" for figure in figures), moved or "-", bound or "-"]


def _footnotes(counted: Sequence[Counts]) -> list[str]:
    """What the estimates rest on, each once; what they say of a single row stays in the result file."""
    shared = dict.fromkeys(
        text for counts in counted for text in counts.assumptions if not text.startswith("the larger of")
    )
    return [f"* {text}" for text in shared]
