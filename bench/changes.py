"""A comparison of two results as text."""

from __future__ import annotations

from collections import Counter

from bench.compare import Change, Comparison
from bench.result import Result
from bench.table import align

#: Widest interval, as a share, from which on a more precise instrument is named.
WIDE = 0.02


def show(comparison: Comparison) -> str:
    """Return the table of rows with what one must know to read it."""
    before, after = comparison.before, comparison.after
    lines = [f"{title}: {one.time}, {one.commit or one.version}, {one.mode}" for title, one in _titled(comparison)]
    lines += [f"differs: {warning}" for warning in comparison.warnings]
    lines += ["", *align([["", "before", "after", "ratio (95 %)", "verdict"], *map(_cells, comparison.changes)])]
    lines += [f"{change.key}: {remark}" for change in comparison.changes for remark in change.remarks]
    lines.append("")
    if comparison.least is not None:
        noise = f"{100 * (comparison.least - 1):.1f} %"
        lines.append(f"differences below {noise} are none: the same thing measured twice in one run differs by as much")
    if comparison.machine is not None:
        lines.append(
            f"the machine itself took {comparison.machine:.3f} times as long for a fixed piece of work; "
            "ratios are corrected by that, block by block"
        )
    counts = Counter(change.verdict for change in comparison.changes)
    lines.append("; ".join(f"{count} {name}" for name, count in counts.items()) or "nothing in common")
    if comparison.least is not None and comparison.least - 1 > WIDE and before.kind == after.kind == "formats":
        lines.append("smaller differences are found by edge-bench pairs, which runs both versions in turns")
    return "\n".join(lines)


def _titled(comparison: Comparison) -> tuple[tuple[str, Result], ...]:
    return ("before", comparison.before), ("after", comparison.after)


def _cells(change: Change) -> list[str]:
    if change.ratio is not None:
        found = f"{change.ratio.value:.3f} ({change.ratio.low:.3f} to {change.ratio.high:.3f})"
    else:
        found = "-" if change.share is None else f"{change.share:.6f}"
    return [change.key, change.before, change.after, found, change.verdict]
