"""``edge-bench recommend``: from results to a configuration of ``edge-run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.application import app
from edge.terminal import guarded

if TYPE_CHECKING:
    from bench.candidates import Candidate
    from bench.recommend import Choice


@app.command()
@guarded
def recommend(
    places: Annotated[list[Path], typer.Argument(help="Results of one device: formats, pipeline, sustained.")],
    fps: Annotated[float | None, typer.Option(min=0.1, help="Whole frames a second, at least.")] = None,
    max_temp: Annotated[float | None, typer.Option(min=30, max=120, help="Degrees Celsius, at most.")] = None,
    min_accuracy: Annotated[float | None, typer.Option(min=0, max=100, help="Per cent, at least.")] = None,
    max_memory: Annotated[float | None, typer.Option(min=1, help="MB of resident memory, at most.")] = None,
    max_latency: Annotated[
        float | None, typer.Option(min=0.1, help="Milliseconds from capture to result (90th percentile), at most.")
    ] = None,
    faces: Annotated[int, typer.Option(min=0, help="People in the picture for whom this must hold.")] = 1,
    bundle: Annotated[
        Path | None, typer.Option(help="Where the model lies, if another than the packaged one is recommended.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the configuration here; it is printed where this is left out.")
    ] = None,
) -> None:
    """Recommend one setting for a target, as a file that edge-run --config takes.

    Of what fits, accuracy within the interval of the best counts as equal, and the fastest of these is recommended.
    Quick results and estimates are used only where nothing better fits, and it is said.
    The exit code is 1 when nothing fits; the limit that is closest to being met is told.

    Example: edge-bench recommend bench/results/pi5 --fps 15 --max-temp 70 --min-accuracy 84 --out edge-run.toml
    """
    from bench.candidates import candidates
    from bench.configuration import options, render, write
    from bench.recommend import Limits, choose, closest
    from bench.report.gathering import gather
    from edge.errors import EdgeError

    found = gather(places)
    for name, why in found.left_out:
        print(f"left out: {name}: {why}", file=sys.stderr)
    if len(found.devices) > 1:
        raise EdgeError(f"these are results of {', '.join(found.devices)}; give those of one device")
    made = candidates(found, faces)
    if not made:
        raise EdgeError(
            f"no result measures whole frames with {faces} face{'s' * (faces != 1)} or more; "
            "run edge-bench pipeline --save and give its result as well"
        )
    limits = Limits(fps, max_temp, None if min_accuracy is None else min_accuracy / 100, max_memory, max_latency)
    choice = choose(made, limits)
    typer.echo(_front(choice))
    typer.echo(_ruled_out(choice))
    if choice.best is None:
        near = closest(choice)
        assert near is not None
        told = "; ".join(f"{miss.limit} ({miss.words})" for miss in near[1])
        typer.echo(f"nothing fits. Closest: {near[0].key}, which misses {told}{_mark(near[0])}")
        raise typer.Exit(1)
    typer.echo(f"recommended: {choice.best.key}{_mark(choice.best)}")
    for sentence in choice.why:
        typer.echo(f"  {sentence}")
    for words in choice.unproved:
        typer.echo(f"  not proved: {words}; edge-run holds it by reading fewer frames")
    text = render(choice, options(choice.best, limits, bundle), limits, found.results[-1])
    if out:
        write(text, out)
        print(f"written: {out}", file=sys.stderr)
    else:
        typer.echo("\n" + text.rstrip())


def _mark(candidate: Candidate) -> str:
    return "" if candidate.evidence == "measured" else f" [{candidate.evidence}]"


def _front(choice: Choice) -> str:
    """The Pareto front as a table, the recommended one marked."""
    from bench.report.numbers import degrees, figure, percent, rate

    rows = [("", "Pareto front", "accuracy %", "frames/s", "p90 ms", "°C", "MB")]
    for one in choice.front:
        cells = (percent(one.accuracy), rate(one.fps), figure(one.latency_ms), degrees(one.temperature))
        rows.append(("→" if one is choice.best else "", one.key + _mark(one), *cells, figure(one.memory_mb)))
    widths = [max(len(row[i]) for row in rows) for i in range(7)]
    return "\n".join("  ".join(_padded(row, widths)) for row in rows)


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Names to the left, figures to the right."""
    pairs = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(width) if index < 2 else cell.rjust(width) for index, (cell, width) in pairs]


def _ruled_out(choice: Choice) -> str:
    """What was ruled out, by limit; of each the one that comes closest."""
    by_limit: dict[str, list[tuple[float, str, str]]] = {}
    kinds = {candidate.evidence for candidate in choice.front}
    for candidate, wrong in choice.ruled_out:
        if candidate.evidence not in kinds and candidate.evidence == "estimate":
            continue
        for miss in wrong:
            by_limit.setdefault(miss.limit, []).append((miss.short, candidate.key + _mark(candidate), miss.words))
    lines = []
    for limit, missed in by_limit.items():
        _, key, words = min(missed)
        lines.append(f"ruled out by {limit}: {len(missed)} of the settings; closest: {key} ({words})")
    return "\n".join(["", *lines, ""]) if lines else ""
