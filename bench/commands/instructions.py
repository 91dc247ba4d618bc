"""``edge-bench instructions``: what networks and frames cost on a Raspberry Pi's processors, counted without one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from bench.saving import JsonOption, SaveOption, effort_of, finish
from edge.terminal import guarded


def default_cache() -> Path:
    """Where what is downloaded is kept, by the XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emot-edge" / "arm64"


@app.command()
@guarded
def instructions(
    bundle: Annotated[
        Path | None, typer.Argument(help="Folder with model_config.json and model files. Default: the packaged one.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(help="Count this file of the bundle; repeatable. Default: every .tflite and .onnx."),
    ] = None,
    cpu: Annotated[
        list[str] | None,
        typer.Option(help="cortex-a72 (Raspberry Pi 4) or cortex-a76 (Raspberry Pi 5); repeatable. Default: both."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Keep Debian's Python and the wheels here, 0.7 GB. Default: ~/.cache/emot-edge/arm64"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Count once, and do not look whether that repeats.")] = False,
    json_file: JsonOption = None,
    save: SaveOption = False,
) -> None:
    """Count what an inference and a frame execute on the processors of a Raspberry Pi 4 and 5, emulated.

    Instructions are counted by a plugin of QEMU's, one thread, everything twice: the counts agree to 0.01 %.
    They are counts, no times: nothing here tells how many frames a second a board makes.
    MACs and bytes are those of the network itself; the last column is an estimate from documented peaks.

    Needs qemu-user and gcc, and the first time a network to download 0.3 GB.
    [bold]Exit codes[/bold]: 0 done; 1 counts did not repeat; 2 something you can fix, named in one line.

    Example: edge-bench instructions --cpu cortex-a76 --json counts.json
    """
    import msgspec

    from bench.instructions.measuring import REPEATABLE, chips_named, count_all, files_of, tasks_of
    from bench.instructions.table import show
    from bench.recording import Recording
    from edge.bundle import read_bundle
    from edge.errors import EdgeError
    from edge.model import DEFAULT_MODEL

    opened = read_bundle((bundle or DEFAULT_MODEL).resolve())
    tasks = list(tasks_of(opened, files_of(opened, file or [])))
    chips = chips_named(cpu or [])
    inputs = "networks: noise (seed 0); detectors and frames: a packaged portrait, in frames moving over a wall"
    with Recording("instructions", effort_of(quick), inputs) as recording:
        kept = (cache or default_cache()).resolve()
        rows, recording.noise = count_all(opened, tasks, chips, kept, not quick, _say)
        recording.rows += rows
        repeated = recording.noise is None or recording.noise <= 1 + REPEATABLE
        if not repeated:
            recording.remarks.append("the same thing counted twice differs by more than 0.01 %: do not compare")
    # A busy machine or a varying clock, which its state may tell of, change no count.
    result = msgspec.structs.replace(recording.result(), remarks=tuple(recording.remarks))
    typer.echo(show(result))
    finish(result, json_file, save)
    if not any(row.counts for row in rows):
        raise EdgeError("nothing could be counted; the reasons stand above")
    if not repeated:
        raise typer.Exit(1)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
