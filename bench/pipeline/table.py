"""Results of the pipeline for the terminal: plain text of 100 columns at most, which survives a pipe and a log."""

from __future__ import annotations

from collections.abc import Sequence

from bench.result import Result, Row, Sample
from bench.table import align, number, times

COLUMNS = ("", "FPS", "p50 ms", "p90", "p99", "late", "p90", "p99", "drop", "CPU", "faces")

#: Characters of a stage's bar where it is the longest one.
BAR = 30

#: Lines of the table of a long run.
LINES = 16


def show(result: Result, labels: Sequence[str]) -> str:
    """Return the table of a run, bars of its stages below, then its doubts.

    Args:
        result: of ``pipeline``.
        labels: what tells the rows from each other.
    """
    pairs = list(zip(labels, result.rows, strict=True))
    measured = [(label, row) for label, row in pairs if row.status == "measured"]
    power = any(row.joules is not None for _, row in measured)
    lines = head(result)
    for model in dict.fromkeys(_model(row) for _, row in measured):
        cells = [_cells(label, row, power) for label, row in measured if _model(row) == model]
        lines += ["", model, *align([[*COLUMNS, *(["mJ"] * power)], *cells])]
    lines += [f"{label}  {row.status}: {row.reason}" for label, row in pairs if row.status != "measured"]
    lines += ["", "p50, p90, p99: ms from result to result; late: the same from capture to result; CPU: ms a frame"]
    for label, row in measured:
        lines += ["", *stage_bars(label, row)]
    return "\n".join([*lines, "", *below(result)]).rstrip()


def head(result: Result) -> list[str]:
    """Say what it was measured on."""
    environment = result.environment
    lines = [
        f"on {environment.device or 'an unnamed machine'}, {environment.cpu.model or 'unknown processor'}, "
        f"{environment.os or 'unknown system'}",
        f"inputs: {result.inputs}",
    ]
    return [*lines, "quick: rough figures"] if result.mode == "quick" else lines


def below(result: Result) -> list[str]:
    """Say what makes it doubtful."""
    lines = [f"note: {row.key}: {note}" for row in result.rows for note in row.notes]
    if result.noise is not None:
        lines.append(
            f"noise: the first row, measured twice, differs by up to {100 * (result.noise - 1):.1f} %; "
            "smaller differences say nothing"
        )
    return lines + [f"note: {remark}" for remark in result.remarks]


def stage_bars(label: str, row: Row) -> list[str]:
    """Return a line a stage: median of wall clock, processor time, and a bar of the wall clock."""
    longest = max((stage.wall_ms or 0.0 for stage in row.stages), default=0.0) or 1.0
    lines = [f"{label}".strip(), f"  {'stage':<10}{'wall ms':>9}{'CPU ms':>9}"]
    for stage in row.stages:
        bar = "#" * round(BAR * (stage.wall_ms or 0.0) / longest)
        lines.append(f"  {stage.name:<10}{number(stage.wall_ms, 2):>9}{number(stage.cpu_ms, 2):>9}  {bar}".rstrip())
    return lines


def show_curve(result: Result) -> str:
    """Return the table of a long run, its stages, and its remarks."""
    row = result.rows[0]
    curve = thinned(row.curve, LINES)
    fastest = max((sample.fps for sample in curve), default=0.0) or 1.0
    table = [["time", "FPS", "°C", "MHz", "throttled", "W"]]
    table += [
        [
            f"{int(sample.at) // 60}:{int(sample.at) % 60:02d}",
            number(sample.fps, 1),
            number(sample.temperature_c, 1),
            number(sample.clock_mhz, 0),
            "-" if sample.throttled is None else "yes" if sample.throttled else "no",
            number(sample.power_w, 2),
        ]
        for sample in curve
    ]
    lines = align(table)
    bars = ["", *("#" * round(BAR * sample.fps / fastest) for sample in curve)]
    drawn = [f"{line}  {bar}".rstrip() for line, bar in zip(lines, bars, strict=True)]
    parts = [*head(result), f"{row.key}", "", *drawn, "", *stage_bars("over the whole run", row), "", *below(result)]
    return "\n".join(parts).rstrip()


def thinned(curve: Sequence[Sample], most: int) -> list[Sample]:
    """Return samples at even distances, the first and the last among them."""
    if len(curve) <= most:
        return list(curve)
    return [curve[round(index * (len(curve) - 1) / (most - 1))] for index in range(most)]


def _model(row: Row) -> str:
    settings = row.settings
    threads = settings.get("threads") or "default"
    return (
        f"{settings.get('model')} {settings.get('file')}, {settings.get('input_size')} px, {settings.get('engine')}, "
        f"{threads} thread{'s' * (threads != 1)}"
    )


def _cells(label: str, row: Row, power: bool) -> list[str]:
    timing, latency = row.timing, row.latency
    assert timing is not None and latency is not None
    came = (row.frames or 0) + (row.dropped or 0)
    cells = [
        label,
        number(timing.per_second, 1),
        *times(timing),
        *times(latency),
        "-" if row.dropped is None else f"{100 * row.dropped / came:.1f}%",
        number(row.cpu_ms, 2),
        number(row.faces_per_frame, 2),
    ]
    return [*cells, number(None if row.joules is None else 1e3 * row.joules, 1)] if power else cells
