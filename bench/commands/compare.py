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
        list[Path], typer.Argument(metavar="BEFORE [AFTER]", help="Two result files, or a folder: its two newest.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Compare different devices, too.")] = False,
    fail_on: FailOption = None,
) -> None:
    """Compare two results row by row: ratio with interval, verdict, changes of accuracy, memory and size.

    A difference is one only where it exceeds what the same thing measured twice differs by.

    Example: edge-bench compare before.json after.json --fail-on slower
    """
    from bench.changes import show
    from bench.compare import choose
    from bench.compare import compare as compared
    from bench.saving import fail_if

    comparison = compared(*choose(results), force=force)
    typer.echo(show(comparison))
    fail_if(fail_on, ["slower" if change.worse else change.verdict for change in comparison.changes])
