"""The summary at the end of ``edge-quantize``: one line a file."""

from __future__ import annotations

from collections.abc import Sequence

from quantize.parity import Reference
from quantize.pipeline import Outcome

_HEADER = ("file", "size", "logit diff", "val/aro diff", "agreement", "accuracy", "")


def table(outcomes: Sequence[Outcome], reference: Reference) -> str:
    """Return the outcomes as an aligned text table, the checkpoint in its first row."""
    rows = [_HEADER, ("checkpoint", "", "", "", "", _share(reference.accuracy), "")]
    for outcome in outcomes:
        parity = outcome.parity
        rows.append(
            (
                outcome.target.file,
                "" if outcome.size is None else f"{outcome.size / 1e6:.2f} MB",
                "" if parity is None else f"{parity.logit_difference:.1e}",
                "" if parity is None else f"{parity.affect_difference:.1e}",
                "" if parity is None else _share(parity.agreement),
                "" if parity is None or parity.metrics is None else _share(parity.metrics.accuracy),
                "ok" if outcome.problem is None else f"KEPT OUT: {outcome.problem}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER) - 1)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True)]
    return "  ".join((row[0].ljust(widths[0]), *padded, row[-1])).rstrip()


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
