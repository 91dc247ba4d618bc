"""``edge-run``: find faces, read emotions; show, store or publish them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.settings.flags import with_flags
from edge.settings.reading import effective
from edge.terminal import app_for, guarded
from edge.version import __version__

app = app_for("edge-run", "Find faces, read emotions; show, store or publish them.")
config_app = app_for("edge-run config", "Print the options that count, as a configuration file.")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file with options; edge-run config prints one.")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.command()
@with_flags
@guarded
def run(
    config: ConfigFile = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    **flags: Any,
) -> None:
    """Find faces, read emotions; show, store or publish them.

    A window opens where there is a display; ? in it lists its keys. Nothing is stored or sent unless you ask for it.

    [bold]Examples[/bold]

    edge-run --source demo                              see it work, without a camera

    edge-run                                            the first camera, in a window

    edge-run -s talk.mp4 --no-window --jsonl talk.jsonl     a video, readings into a file

    edge-run -s group.jpg --jsonl -                     a picture, readings to standard output

    edge-run --no-window --web                          a live page: http://127.0.0.1:8765

    edge-run --config edge-run.toml --mqtt broker       options from a file, one more from here

    [bold]edge-run config[/bold] takes the same options and prints what counts: flags win over variables
    (EDGE_RUN_MAX_FPS=10), variables over the file.

    [bold]Exit codes[/bold]: 0 done or stopped by you, 2 something you can fix, named in one line.
    """
    counts = effective(flags, os.environ, config)
    from edge import app as application

    application.run(counts.settings)


@config_app.command()
@with_flags
@guarded
def show_config(config: ConfigFile = None, **flags: Any) -> None:
    """Print the options that count, as a configuration file, and where each was given.

    [bold]edge-run config > edge-run.toml[/bold] writes a file with every option to begin with.
    """
    from edge.settings.rendering import render

    print(render(effective(flags, os.environ, config)))


def main() -> None:
    """Entry point of ``edge-run``."""
    if sys.argv[1:2] == ["config"]:
        config_app(sys.argv[2:])
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        # The wheel needs two libraries that systems without a desktop leave out.
        print(f"error: OpenCV does not start ({error}); on Debian: apt install libgl1 libglib2.0-0", file=sys.stderr)
        raise SystemExit(2) from None
    app()
