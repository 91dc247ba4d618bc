"""``edge-bench``: how fast, how large and how right models are on this very machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.terminal import app_for, guarded

app = app_for("edge-bench", "Measure models on this machine.")

#: How long ``--quick`` times a file, in seconds.
QUICK_SECONDS = 2.0


@app.callback()
def bench() -> None:
    """Measure models on this machine: speed, memory, and with --data accuracy."""


@app.command()
@guarded
def formats(
    bundle: Annotated[Path, typer.Argument(help="Folder with model_config.json and model files.")],
    data: Annotated[
        str | None,
        typer.Option(help="KIND:DIR (ferplus:DIR, affectnet:DIR) or a folder: run on its faces, add accuracy."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of --data: train, validation or test.")] = "validation",
    images: Annotated[int, typer.Option(min=0, help="Faces drawn from the split; 0: all.")] = 500,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each runtime.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each file is timed, after warming up.")] = 10.0,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK_SECONDS:g} seconds a file: rough figures.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write everything, with machine and versions, to this file.")
    ] = None,
) -> None:
    """Compare the files of a bundle: size, load time, latency, memory, and with --data accuracy and agreement.

    Each file runs in a process of its own. One that cannot be run is a line that says why.
    Without --data the inputs are noise, which is enough for speed and memory.
    The exit code is 2 when no file could be measured.

    Example: edge-bench formats models/mine --data ferplus:/data/ferplus --json mine.json
    """
    import msgspec

    from bench.formats import measure_formats, runnable
    from bench.inputs import data_inputs, noise_inputs
    from bench.table import show
    from edge.bundle import read_bundle
    from edge.errors import EdgeError
    from edge.files import write_atomically

    opened = read_bundle(bundle)
    runnable(opened)  # before time is spent on images
    inputs = data_inputs(opened.config, data, split, images) if data else noise_inputs(opened.config)
    report = measure_formats(
        opened,
        inputs,
        threads=threads,
        seconds=QUICK_SECONDS if quick else seconds,
        quick=quick,
        progress=lambda name: print(f"measuring {name}", file=sys.stderr),
    )
    typer.echo(show(report))
    if json_file:
        write_atomically(json_file, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if not any(row.measurement for row in report.rows):
        raise EdgeError(f"{bundle}: no file could be measured; the reasons stand above")


@app.command()
@guarded
def live(
    clip: Annotated[Path, typer.Argument(help="A video with faces; it is decoded beforehand and looped.")],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A model bundle or one file in it. Default: the packaged one.")
    ] = None,
    detector: Annotated[str, typer.Option(help="As in edge-run.")] = "blazeface",
    search_interval: Annotated[int, typer.Option(min=1, help="Frames from one search to the next.")] = 10,
    size: Annotated[str, typer.Option(help="Scale frames to this, WIDTHxHEIGHT; empty: as they are.")] = "640x480",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each loop is timed, after warming up.")] = 10.0,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of each of our networks.")] = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain/--no-plain",
            help="Also time the plain recipe, MediaPipe then ResNet-18 at 224 px in PyTorch, in turns with ours "
            "(needs emot-edge\\[mediapipe,train]).",
        ),
    ] = True,
    recall: Annotated[
        bool, typer.Option("--recall", help="Also compare following with a search in every frame.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything to this file.")] = None,
) -> None:
    """Time frames from picture to readings, and say where the processor time goes.

    Every face is classified in every frame. Nothing is shown or stored, so this is the most a machine can do.

    Example: edge-bench live talk.mp4 --recall --json live.json
    """
    import cv2
    import msgspec

    from bench.live import FPS, load_frames, measure_live, parse_size, show_live
    from bench.recall import measure_recall, show_recall
    from edge.files import write_atomically
    from edge.reader import EmotionReader

    cv2.setNumThreads(1)  # as edge-run does: a second thread's waiting costs more than it saves on pictures this small
    images = load_frames(clip, parse_size(size))
    with EmotionReader(model, detector=detector, threads=threads, search_interval=search_interval) as reader:
        report = measure_live(clip, images, reader, detector=detector, seconds=seconds, plain=plain)
        typer.echo(show_live(report))
        followed = None
        if recall:
            followed = measure_recall(
                images,
                detector=detector,
                interval=search_interval,
                model=reader.model,
                fps=FPS,
                threads=threads,
            )
            typer.echo("\n" + show_recall(followed))
    if json_file:
        document = {"live": report, "recall": followed}
        write_atomically(json_file, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def main() -> None:
    """Entry point of ``edge-bench``."""
    app()
