"""Limits that a table of formats has to keep, for continuous integration."""

from __future__ import annotations

from bench.result import Result, Row
from bench.statistics import ratio


def violations(result: Result, min_accuracy: float | None, max_latency_ratio: float | None) -> list[str]:
    """Say what breaks the limits, a line each; empty when nothing does.

    A file that failed breaks any limit. One whose runtime is not installed breaks none: nobody could run it here.
    A latency breaks its limit when the whole interval of the ratio lies beyond.

    Args:
        result: of ``edge-bench formats``.
        min_accuracy: per cent.
        max_latency_ratio: time of a row divided by that of the reference on as many threads.
    """
    found = []
    rows = {row.key: row for row in result.rows}
    for row in result.rows:
        if row.status == "failed":
            found.append(f"{row.key}: failed: {row.reason}")
        if row.status != "measured":
            continue
        if min_accuracy is not None and row.accuracy is not None and 100 * row.accuracy < min_accuracy:
            found.append(f"{row.key}: accuracy {100 * row.accuracy:.1f} %, allowed are {min_accuracy:g} % at least")
        if max_latency_ratio is None:
            continue
        reference = _reference(row, rows)
        if reference is None or reference.timing is None or row.timing is None:
            found.append(f"{row.key}: no reference ran to compare its latency with; name one by --reference")
            continue
        times = ratio(reference.timing, row.timing, paired=True)
        if times is not None and times.low > max_latency_ratio:
            found.append(
                f"{row.key}: takes {times.value:.2f} times as long as {reference.key} "
                f"({times.low:.2f} to {times.high:.2f}), allowed are {max_latency_ratio:g}"
            )
    return found


def _reference(row: Row, rows: dict[str, Row]) -> Row | None:
    """Return the reference of a row on as many threads as the row has."""
    key = row.settings.get("reference")
    if key is None:
        return None
    same_threads = str(key).rpartition("/")[0] + "/" + row.key.rpartition("/")[2]
    return rows.get(same_threads)
