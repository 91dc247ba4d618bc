"""``edge-bench compare``: two results, and what can be told about the difference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from bench.saving import FailOption
from edge.terminal import guarded


@app.command()
@guarded
def compare(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT", help="Two result files, or more of the same benchmark, or a folder: its two newest."
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Compare different devices, too.")] = False,
    fail_on: FailOption = None,
) -> None:
    """Compare two results row by row: ratio with interval, verdict, changes of accuracy, memory and size.

    A difference is one only where it exceeds what the same thing measured twice differs by. Of more than two results,
    every two are compared, and the spread of their medians is shown.

    Example: edge-bench compare before.json after.json --fail-on slower
    """
    from bench.changes import show
    from bench.compare import choose
    from bench.compare import compare as compared
    from bench.result import read_result
    from bench.saving import fail_if
    from bench.spread import compare_all
    from bench.spread import show as show_spread

    if len(results) > 2:
        read = [read_result(path) for path in results]
        every = compare_all(read, force)
        typer.echo(show_spread(read, every))
        comparisons = [comparison for *_, comparison in every]
    else:
        comparisons = [compared(*choose(results), force=force)]
        typer.echo(show(comparisons[0]))
    changes = [change for comparison in comparisons for change in comparison.changes]
    fail_if(fail_on, ["slower" if change.worse else change.verdict for change in changes])
