"""``edge-device install`` and ``edge-device uninstall``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.terminal import guarded

Root = Annotated[
    Path, typer.Option(help="Prepare the file tree of another device, such as a mounted image; nothing in it is run.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be changed, and change nothing.")]


@guarded
def install(
    wheels: Annotated[
        Path | None,
        typer.Option(help="Folder with emot_edge-*.whl and all it needs. Without it: the package index."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="What suits the device (edge-device profile), or: this. [default: this]")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="ribbon|webcam", help="How its camera is attached. [default: as it is found]")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="What to look at instead of the first camera: edge-run --source.")
    ] = None,
    extras: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="What else to run: web, mqtt, prometheus, with commas. Opens a network."),
    ] = None,
    update_key: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.pub", help="Who may sign updates: edge-device update keygen makes such a key."),
    ] = None,
    root: Root = Path("/"),
    dry_run: DryRun = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Leave starting it to the next boot.")] = False,
) -> None:
    """Install edge-run as a service that starts at boot, as a user of its own, without network unless asked for.

    A second run completes what is missing, keeps your options, and otherwise changes nothing. What was asked for
    is remembered.

    [bold]Examples[/bold]

    sudo edge-device install --dry-run                    what it would change

    sudo edge-device install                              the first camera, readings into a file

    sudo edge-device install --extras web,mqtt            with a live page, and a broker to publish to

    sudo edge-device install --wheels wheels/             without a network

    sudo edge-device install --update-key fleet.pub       takes updates that this key has signed

    sudo edge-device install --root /mnt --profile raspberry-pi-5    into a mounted image
    """
    from devices.install.installing import install as make

    done = make(
        root,
        wheels=wheels,
        asked={"profile": profile, "camera": camera, "source": source, "extras": extras},
        keys=update_key or (),
        start=not no_start,
        dry_run=dry_run,
        say=typer.echo,
    )
    if not done:
        typer.echo("nothing to do: everything is installed as asked for")


@guarded
def uninstall(
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Also options, secrets, keys and results, and the account that they belong to."),
    ] = False,
    root: Root = Path("/"),
    dry_run: DryRun = False,
) -> None:
    """Stop the service and remove what edge-device install made, and nothing else.

    What you wrote (/etc/edge-run) and what it read (/var/lib/edge-run) stay unless you say --purge.
    """
    from devices.install.removing import remove
    from devices.install.running import need_root
    from devices.layout import Layout

    layout = Layout(root.resolve())
    if not dry_run:
        need_root(layout, typer.echo)
    _, kept = remove(layout, typer.echo, purge=purge, dry_run=dry_run)
    if kept:
        paths = ", ".join(item.path for item in kept if item.kind == "tree") or "what others have put there"
        typer.echo(f"kept    {paths}; edge-device uninstall --purge removes them as well")
        if not dry_run and layout.here:
            typer.echo("        (edge-device itself is gone: pip install emot-edge, or install.sh, brings it)")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(install)
    app.command()(uninstall)
