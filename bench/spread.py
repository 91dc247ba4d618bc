"""The same benchmark several times: how far its medians lie apart, and whether any two runs are told apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.compare import Comparison, compare
from bench.result import Result
from bench.table import align


def compare_all(results: Sequence[Result], force: bool = False) -> list[tuple[int, int, Comparison]]:
    """Compare every two of some results, the earlier given first; numbers count from 1.

    Raises:
        EdgeError: two of them can't be compared (see :func:`bench.compare.compare`).
    """
    numbered = enumerate(results, 1)
    return [(i, j, compare(one, other, force)) for (i, one), (j, other) in itertools.combinations(numbered, 2)]


def show(results: Sequence[Result], comparisons: Sequence[tuple[int, int, Comparison]]) -> str:
    """Return a table: the median of each run, their spread, and the runs that are told apart."""
    keys = dict.fromkeys(row.key for result in results for row in result.rows)
    lines = [
        f"{number}: {result.time}, {result.commit or result.version}, {result.mode}"
        for number, result in enumerate(results, 1)
    ]
    told: dict[str, list[str]] = {}
    for i, j, comparison in comparisons:
        for change in comparison.changes:
            if change.verdict not in ("no difference that can be told", "the same", "not measured"):
                told.setdefault(change.key, []).append(f"{j} against {i}: {change.verdict}")
    rows = [["p50 ms", *(str(number) for number in range(1, len(results) + 1)), "spread", "told apart"]]
    rows += [[key, *_medians(results, key), ", ".join(told.pop(key, [])) or "none"] for key in keys]
    warnings = dict.fromkeys(warning for *_, comparison in comparisons for warning in comparison.warnings)
    lines += [*(f"differs: {warning}" for warning in warnings), "", *align(rows)]
    lines += [f"{key}: {', '.join(verdicts)}" for key, verdicts in told.items()]  # latencies have lines of their own
    least = [comparison.least for *_, comparison in comparisons if comparison.least is not None]
    if least:
        lines += ["", f"differences below {100 * (max(least) - 1):.1f} % are none between two of these runs"]
    return "\n".join(lines)


def _medians(results: Sequence[Result], key: str) -> list[str]:
    """The median of each run, and how far the largest lies above the smallest."""
    timings = [next((row.timing for row in result.rows if row.key == key), None) for result in results]
    known = [timing.p50_ms for timing in timings if timing]
    spread = f"{100 * (max(known) / min(known) - 1):.1f} %" if len(known) > 1 else "-"
    return [*(f"{timing.p50_ms:.3f}" if timing else "-" for timing in timings), spread]
