"""``edge-device status`` and ``edge-device logs``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from edge.terminal import guarded


@guarded
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; what is unknown is null in it.")] = False,
) -> None:
    """Say how the service is doing: what it sees, how hot it is, what went wrong last.

    [bold]Exit codes[/bold]: 0 it runs; 1 it is being started; 2 it does not run.
    """
    import msgspec

    from devices.status import describe, look

    found = look()
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        typer.echo(describe(found))
    raise typer.Exit(found.exit_code)


@guarded
def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many, from the end.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new ones come, until Ctrl-C.")] = False,
) -> None:
    """Show what the service said, and what systemd did with it."""
    from devices.journal import command

    shown = command(lines, follow)
    os.execv(shown[0], shown)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(status)
    app.command()(logs)
