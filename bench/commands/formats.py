"""``edge-bench formats``: the files of a bundle, each through its own runtime."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from edge.terminal import guarded

#: How long ``--quick`` times a file, in seconds.
QUICK_SECONDS = 2.0


@app.command()
@guarded
def formats(
    bundle: Annotated[Path, typer.Argument(help="Folder with model_config.json and model files.")],
    data: Annotated[
        str | None,
        typer.Option(help="KIND:DIR (ferplus:DIR, affectnet:DIR) or a folder: run on its faces, add accuracy."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of --data: train, validation or test.")] = "validation",
    images: Annotated[int, typer.Option(min=0, help="Faces drawn from the split; 0: all.")] = 500,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each runtime.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each file is timed, after warming up.")] = 10.0,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK_SECONDS:g} seconds a file: rough figures.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write everything, with machine and versions, to this file.")
    ] = None,
) -> None:
    """Compare the files of a bundle: size, load time, latency, memory, and with --data accuracy and agreement.

    Each file runs in a process of its own. One that cannot be run is a line that says why.
    Without --data the inputs are noise, which is enough for speed and memory.
    The exit code is 2 when no file could be measured.

    Example: edge-bench formats models/mine --data ferplus:/data/ferplus --json mine.json
    """
    import msgspec

    from bench.formats import measure_formats, runnable
    from bench.inputs import data_inputs, noise_inputs
    from bench.table import show
    from edge.bundle import read_bundle
    from edge.errors import EdgeError
    from edge.files import write_atomically

    opened = read_bundle(bundle)
    runnable(opened)  # before time is spent on images
    inputs = data_inputs(opened.config, data, split, images) if data else noise_inputs(opened.config)
    report = measure_formats(
        opened,
        inputs,
        threads=threads,
        seconds=QUICK_SECONDS if quick else seconds,
        quick=quick,
        progress=lambda name: print(f"measuring {name}", file=sys.stderr),
    )
    typer.echo(show(report))
    if json_file:
        write_atomically(json_file, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if not any(row.measurement for row in report.rows):
        raise EdgeError(f"{bundle}: no file could be measured; the reasons stand above")
