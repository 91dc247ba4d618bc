"""``edge-quantize verify``: prove a bundle on the machine it is on. Needs none of the packages that make files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.terminal import guarded


@guarded
def verify(
    bundle: Annotated[
        Path | None, typer.Argument(help="A bundle folder. Default: the packaged model.", show_default=False)
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the findings to this file, as JSON.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of each runtime. Default: the runtime's choice.")
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Fail also when a file was skipped (its runtime is not installed, or the config does not list it), "
            "or when the bundle holds no golden answers to compare with.",
        ),
    ] = False,
) -> None:
    """Prove on this machine that every file of a bundle is whole and answers as it should.

    Checked are the config, sizes and hashes; then each file is run, in its own
    runtime, on the bundle's golden images and compared with what the float
    checkpoint gave for them (float32 within 1e-4, float16 within 2 %, int8
    within four times the mean error it had when it was made, and the same
    emotion on 10 of 12) and with what the file itself gave where it was made
    (bit for bit where that is promised).

    Exit code 0: all ok, and at least one file ran. 1: something failed. 2: no
    such bundle.

    Example: edge-quantize verify runs/train/bundle --json verified.json
    """
    from edge.files import write_atomically
    from edge.findings import table, to_json
    from edge.model import DEFAULT_MODEL
    from edge.verify import verify as run

    found = run(DEFAULT_MODEL if bundle is None else bundle, threads)
    if json is not None:
        write_atomically(json, to_json(found))
    typer.echo(table(found))
    if not found.passed(strict):
        raise typer.Exit(1)
