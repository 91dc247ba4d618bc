"""``edge-bench peers``: against other packages, on the same pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from bench.saving import JsonOption, QuickOption, SaveOption, effort_of, finish
from edge.terminal import guarded

#: Where environments of peers lie unless told otherwise.
ENVIRONMENTS = Path("~/.cache/emot-edge/peers")


@app.command()
@guarded
def peers(
    env: Annotated[
        Path, typer.Option(help="Folder for the peers' environments; made on first use, gigabytes, from the network.")
    ] = ENVIRONMENTS,
    clip: Annotated[Path | None, typer.Option(help="A video with faces. Default: the built-in portraits.")] = None,
    size: Annotated[str, typer.Option(help="Scale frames to this, WIDTHxHEIGHT; empty: as they are.")] = "640x480",
    data: Annotated[str | None, typer.Option(help="ferplus:DIR: also measure accuracy on its faces.")] = None,
    split: Annotated[str, typer.Option(help="Split of --data: train, validation or test.")] = "validation",
    images: Annotated[int, typer.Option(min=0, help="Faces drawn from the split; 0: all.")] = 0,
    only: Annotated[list[str] | None, typer.Option(help="Measure this peer; may be given again. Default: all.")] = None,
    list_peers: Annotated[bool, typer.Option("--list", help="Name the peers and their licences, and end.")] = False,
    quick: QuickOption = False,
    json_file: JsonOption = None,
    save: SaveOption = False,
) -> None:
    """Compare with what others offer: frames/s, latency, memory, accuracy, on the same frames and faces, in turns.

    Each peer runs in an environment of its own, with pinned versions; its weights come inside its package. The first
    run installs them and needs the network; later runs do not. A peer that cannot run is a line that says why.

    Example: edge-bench peers --only edge-run --only fer --data ferplus:/data/ferplus --quick
    """
    from bench.live import parse_size
    from bench.peers.catalogue import chosen
    from bench.peers.contest import measure_peers
    from bench.peers.pictures import clip_frames, demo_frames, read_faces
    from bench.peers.table import show
    from edge.errors import EdgeError

    these = chosen(only or [])
    if list_peers:
        for peer in these:
            place = f"{peer.home.name}, about {peer.home.megabytes} MB" if peer.home.name else "this one"
            typer.echo(f"{peer.name}: {peer.title}\n  environment: {place}\n  licence: {peer.licence}")
        return
    frames = clip_frames(clip, parse_size(size)) if clip else demo_frames()
    faces = read_faces(data, split, images) if data else None
    result = measure_peers(
        these, env.expanduser(), frames, faces, effort_of(quick), lambda line: print(line, file=sys.stderr)
    )
    typer.echo(show(result))
    finish(result, json_file, save)
    if not any(row.status == "measured" for row in result.rows):
        raise EdgeError("no peer could be measured; the reasons stand above")
