"""``edge-bench submit``: a result of your device for the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from edge.terminal import guarded


@app.command()
@guarded
def submit(
    result: Annotated[Path, typer.Argument(help="A result file, measured without --quick.")],
    device: Annotated[
        str | None, typer.Option(help="What the device is called, if it doesn't say so itself: raspberry-pi-5.")
    ] = None,
) -> None:
    """Check a result and write it, without anything private, to bench/results/DEVICE, ready for a pull request.

    Nothing is sent anywhere.

    Example: edge-bench submit mine.json
    """
    import msgspec

    from bench.recording import slug
    from bench.result import read_result, write_result
    from bench.saving import place
    from bench.submit import anonymous, check, steps

    found = read_result(result)
    check(found)
    ready = anonymous(found)
    if device:
        ready = msgspec.structs.replace(ready, device=slug(device))
    path = place(ready)
    write_result(ready, path)
    typer.echo(f"written: {path}\n{steps(path)}")
