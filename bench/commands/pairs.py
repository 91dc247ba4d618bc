"""``edge-bench pairs``: two versions or settings of the same work, in turns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from bench.saving import CpuOption, FailOption, JsonOption, QuickOption, SaveOption
from edge.terminal import guarded


@app.command()
@guarded
def pairs(
    a: Annotated[str, typer.Option(help="First side: a source tree (a folder with edge in it) or a Python.")] = "",
    b: Annotated[str, typer.Option(help="Second side, likewise. Default of both: this very installation.")] = "",
    file: Annotated[
        Path | None, typer.Option(help="Run this file of a bundle. Default: the whole reader, on moving pictures.")
    ] = None,
    clip: Annotated[
        Path | None, typer.Option(help="Moving pictures for the reader. Default: the built-in ones.")
    ] = None,
    a_set: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: threads or file; of the reader, any of its arguments.")
    ] = None,
    b_set: Annotated[list[str] | None, typer.Option(help="The same for the second side.")] = None,
    a_env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: a variable of its environment.")] = None,
    b_env: Annotated[list[str] | None, typer.Option(help="The same for the second side.")] = None,
    cpu: CpuOption = None,
    fail_on: FailOption = None,
    quick: QuickOption = False,
    json_file: JsonOption = None,
    save: SaveOption = False,
) -> None:
    """Compare two source trees, environments or settings precisely: both run in turns of a tenth of a second.

    Finds changes of a per cent or less where results measured one after the other drown in the machine's own changes.
    The first side runs twice; a difference that is not larger than that between these two is not called one.

    Example: edge-bench pairs --a . --b ../other-checkout --file edge/models/default/model_int8.tflite
    """
    import tempfile

    from bench.affinity import pin
    from bench.pairs import measure_pair, show
    from bench.saving import effort_of, fail_if, finish
    from bench.sides import make_sides

    pin(cpu)
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as folder:
        first, second = make_sides(
            (a, a_set or [], a_env or []), (b, b_set or [], b_env or []), file=file, clip=clip, folder=Path(folder)
        )
        pair = measure_pair(first, second, effort_of(quick), lambda line: print(line, file=sys.stderr))
    typer.echo(show(pair))
    finish(pair.result, json_file, save)
    fail_if(fail_on, [pair.verdict])
