"""``edge-device``: look at the machine a model is to run on."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.terminal import app_for, guarded

app = app_for("edge-device", "Look at the device a model is to run on.")


@app.callback()
def device() -> None:
    """Look at the device a model is to run on."""


@app.command()
@guarded
def probe(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of lines; what is unknown is null in it.")
    ] = False,
) -> None:
    """Say what this machine is: processor, memory, heat, cameras, screen, and which engines are installed.

    Nothing is written and nothing is sent. What cannot be read is "unknown", never a guess.
    """
    import msgspec

    from devices.probe import probe as look
    from devices.report import describe

    found = look()
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else describe(found))


def main() -> None:
    """Entry point of ``edge-device``."""
    app()
