"""``edge-run``: find faces, read emotions, show or write them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.errors import EdgeError
from edge.terminal import app_for, guarded
from edge.version import __version__

if TYPE_CHECKING:
    from edge.reader import EmotionReader

app = app_for("edge-run", "Find faces, read emotions, show or write them.")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.command()
@guarded
def run(
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            help="Camera index (0), /dev/videoN, a video, a picture, a folder of pictures, an rtsp:// or http:// URL, "
            "or demo: two portraits, no camera needed.",
        ),
    ] = "0",
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A model bundle or one file in it. Default: the packaged one.")
    ] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Of a bundle, run the ONNX file (needs emot-edge\\[onnx]).")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda, for the emotion network (.onnx, .pth, .pt).")] = "cpu",
    detector: Annotated[
        str, typer.Option(help="blazeface (near and far), blazeface-short, blazeface-full, mediapipe or yunet.")
    ] = "blazeface",
    detector_model: Annotated[Path | None, typer.Option(help="Model file of the yunet detector.")] = None,
    min_score: Annotated[float, typer.Option(min=0.05, max=1, help="Least confidence of a reported face.")] = 0.5,
    smoothing: Annotated[float, typer.Option(min=0, help="Seconds over which readings are averaged; 0: none.")] = 0.3,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the runtime's choice.")] = None,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Open no window, even where there is a display.")
    ] = False,
    save_video: Annotated[Path | None, typer.Option(help="Write the annotated video here (.mp4, .avi, .mkv).")] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help="Write one JSON object a frame here; - is standard output.")
    ] = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="End after so many frames.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find faces, read emotions, show or write them.

    A window opens where there is a display. Nothing is stored or sent unless --save-video or --jsonl ask for it.

    [bold]Examples[/bold]

    edge-run --source demo                                   see it work, without a camera

    edge-run                                                 the first camera, in a window

    edge-run -s talk.mp4 --no-window --jsonl talk.jsonl      a video, readings into a file

    edge-run -s group.jpg --jsonl -                          a picture, readings to standard output

    [bold]Exit codes[/bold]: 0 done or stopped by you, 2 something you can fix, named in one line.
    """
    from edge.overlay import Overlay
    from edge.pipeline import run as run_pipeline
    from edge.pipeline import stopping_on_signals
    from edge.reader import EmotionReader
    from edge.sinks import Sink
    from edge.sinks.jsonl import JsonLinesSink
    from edge.sinks.video import VideoSink
    from edge.sinks.window import WindowSink, display_available
    from edge.sources import open_source
    from edge.summary import Summary

    windowed = not no_window and display_available()
    if not (windowed or no_window or save_video or jsonl):
        print("no display, so no window; --save-video and --jsonl keep what is read", file=sys.stderr)
    summary = Summary()
    with (
        stopping_on_signals() as stop,
        EmotionReader(
            model,
            onnx=onnx,
            device=device,
            threads=threads,
            detector=detector,
            detector_model=detector_model,
            min_score=min_score,
            smoothing=smoothing,
        ) as reader,
    ):
        opened = open_source(source, loop_demo=windowed)
        sinks: list[Sink] = []
        try:
            if jsonl:
                sinks.append(JsonLinesSink(jsonl))
            if save_video or windowed:
                overlay = Overlay()
                if save_video:
                    sinks.append(VideoSink(save_video, opened.fps, overlay))
                if windowed:
                    sinks.append(WindowSink(overlay, opened.fps, opened.live))
        except EdgeError:
            opened.close()
            for sink in sinks:
                sink.close()
            raise
        out = sys.stderr if jsonl and str(jsonl) == "-" else sys.stdout
        try:
            run_pipeline(opened, reader, sinks, max_frames=max_frames, stop=stop, summary=summary)
        finally:
            # Also after an error: what was seen until then is written, and this says how much that was.
            print(_headline(reader, source, detector), summary.render(), sep="\n", file=out)
            for path in (save_video, jsonl):
                if path and str(path) != "-" and path.exists():
                    print(f"written    {path}", file=out)


def _headline(reader: EmotionReader, source: str, detector: str) -> str:
    return f"source     {source}; detector {detector}; {reader.model.path.name} on {reader.model.engine.name}"


def main() -> None:
    """Entry point of ``edge-run``."""
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        # The wheel needs two libraries that systems without a desktop leave out.
        print(f"error: OpenCV does not start ({error}); on Debian: apt install libgl1 libglib2.0-0", file=sys.stderr)
        raise SystemExit(2) from None
    app()
