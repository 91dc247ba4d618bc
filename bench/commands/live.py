"""``edge-bench live``: from decoded frames to readings, against the plain recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from edge.terminal import guarded


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
