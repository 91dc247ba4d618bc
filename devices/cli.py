"""``edge-device``: look at the machine a model is to run on, install the service on it and watch it run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from devices.commands import installing, operating
from devices.update.cli import app as update_app
from edge.terminal import app_for, guarded

app = app_for(
    "edge-device", "Look at the device a model is to run on, install the service on it, watch it run and update it."
)
app.add_typer(update_app)

AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object instead of lines; what is unknown is null in it.")
]


_HELP = """Look at the device a model is to run on, install the service on it, watch it run and update it.

[bold]Examples[/bold]

edge-device doctor                            what is wrong, and what fixes it

edge-device probe                             what this machine is

edge-device profile this --out edge-run.toml  options that suit it

edge-run --config edge-run.toml               run with them

sudo edge-device install                      run as a service, from boot

edge-device status                            how the service is doing

edge-device logs -f                           what it says
"""


@app.callback(help=_HELP)
def device() -> None:
    """Look at the device a model is to run on, install the service on it and watch it run."""


@app.command()
@guarded
def probe(as_json: AsJson = False) -> None:
    """Say what this machine is: processor, memory, heat, cameras, screen, engines, and which profile is nearest.

    Nothing is written and nothing is sent. What cannot be read is "unknown", never a guess.
    """
    from devices.probe import probe as look
    from devices.report import describe

    found = look()
    typer.echo(_json(found) if as_json else describe(found))


@app.command()
@guarded
def profile(
    name: Annotated[
        str, typer.Argument(help="A profile, or: this (the nearest one to this machine). Without it: list them.")
    ] = "",
    camera: Annotated[
        str,
        typer.Option(
            metavar="ribbon|webcam",
            help="Options for a camera on the ribbon cable, or for a USB or built-in one. Default: what is there "
            "(this), or what the device usually has.",
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write it here instead; a file that is there is replaced.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the device profiles, or print one: options that suit a kind of device, each with its reason.

    What is printed is a file for edge-run --config.

    [bold]Examples[/bold]

    edge-device profile                                 which there are

    edge-device profile raspberry-pi-4 --camera webcam  for a USB camera

    edge-device profile this --out edge-run.toml        for this machine
    """
    from devices.choosing import attachment_of, choose, listing
    from devices.profile import CAMERAS
    from edge.files import write_atomically

    if not name:
        typer.echo(listing(as_json))
        return
    chosen, cameras = choose(name)
    attachment = attachment_of(chosen, camera, cameras)
    text = chosen.render(attachment)
    if as_json:
        text = _json({"name": chosen.name, "device": chosen.kind, "run": chosen.options(attachment)}) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_atomically(out, text.encode())
        typer.echo(f"written    {out}: {chosen.name}, for {CAMERAS[attachment]}")


@app.command()
@guarded
def doctor(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="What edge-run is to do here: its options, model and source are checked too."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the proof of the model, which runs it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is missing or wrong on this machine, and the exact command that fixes it.

    Looked at are software, model, camera, memory, disk, heat, power, clock and service.

    The model has to give what it gave where it was made. Nothing is changed.

    [bold]Exit codes[/bold]: 0 all is well, or notes alone; 1 warnings; 2 errors: edge-run will not work.
    """
    from devices.doctor import examine
    from devices.finding import describe
    from devices.situation import look

    found = examine(look(config=config, prove=not quick))
    typer.echo(_json(found) if as_json else describe(found))
    raise typer.Exit(found.exit_code)


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


installing.register(app)
operating.register(app)


def main() -> None:
    """Entry point of ``edge-device``."""
    app()
