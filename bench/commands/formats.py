"""``edge-bench formats``: the files of bundles, each through its own runtime."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from bench.saving import CpuOption, JsonOption, QuickOption, SaveOption
from edge.terminal import guarded


@app.command()
@guarded
def formats(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE...", help="Folders with model_config.json and model files.")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="KIND:DIR (ferplus:DIR, affectnet:DIR) or a folder: run on its faces, add accuracy."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of --data: train, validation or test.")] = "validation",
    images: Annotated[int, typer.Option(min=0, help="Faces drawn from the split; 0: all.")] = 500,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="CPU threads of each runtime; may be given more than once. [1]")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="File that others are compared with. Default: the checkpoint or a float file.")
    ] = None,
    min_accuracy: Annotated[
        float | None, typer.Option(min=0, max=100, help="Per cent; less ends with exit code 1. Needs --data.")
    ] = None,
    max_latency_ratio: Annotated[
        float | None, typer.Option(min=0, help="Times the reference's latency; more ends with exit code 1.")
    ] = None,
    cpu: CpuOption = None,
    quick: QuickOption = False,
    json_file: JsonOption = None,
    save: SaveOption = False,
) -> None:
    """Compare the files of bundles: size, load time, latency, memory, and with --data accuracy and agreement.

    Each file runs through its own runtime in processes of its own; all files take turns. One that cannot be run is a
    line that says why. Without --data the inputs are faces that travel in the package: enough for speed and memory.
    The exit code is 2 when no file could be measured, 1 when a limit is broken.

    Example: edge-bench formats models/mine --data ferplus:/data/ferplus --threads 1 --threads 2 --json mine.json
    """
    from bench.affinity import pin
    from bench.formats import measure_formats, runnable
    from bench.gate import violations
    from bench.inputs import data_inputs, face_inputs
    from bench.saving import effort_of, finish
    from bench.table import show
    from edge.bundle import read_bundle
    from edge.errors import EdgeError

    if min_accuracy is not None and data is None:
        raise EdgeError("--min-accuracy needs labelled faces; add --data")
    opened = [read_bundle(folder) for folder in bundles]
    for bundle in opened:
        runnable(bundle)  # before time is spent on images
    pin(cpu)
    inputs = [
        data_inputs(bundle.config, data, split, images) if data else face_inputs(bundle.config) for bundle in opened
    ]
    result = measure_formats(
        opened,
        inputs,
        effort_of(quick),
        threads=threads or [1],
        reference=reference,
        progress=lambda line: print(line, file=sys.stderr),
    )
    typer.echo(show(result))
    finish(result, json_file, save)
    if not any(row.status == "measured" for row in result.rows):
        raise EdgeError(f"{', '.join(map(str, bundles))}: no file could be measured; the reasons stand above")
    broken = violations(result, min_accuracy, max_latency_ratio)
    for line in broken if min_accuracy is not None or max_latency_ratio is not None else ():
        typer.echo(f"limit: {line}")
    if broken and (min_accuracy is not None or max_latency_ratio is not None):
        raise typer.Exit(1)
