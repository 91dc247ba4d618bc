"""From options to a running application: opens what they name, runs it, says what it came to."""

from __future__ import annotations

import dataclasses
import sys
import threading
from contextlib import ExitStack

import cv2

from edge.controls import Controls
from edge.governor import RAREST, Governor
from edge.health import Health
from edge.layers import parse_layers
from edge.notify import ServiceManager
from edge.outlets import Outlets
from edge.overlay import Overlay
from edge.pipeline import Pipeline, stopping_on_signals
from edge.reader import EmotionReader
from edge.settings import Settings
from edge.sinks.window import Window, display_available, models_of
from edge.sources import Source, SourceOptions, open_source, source_options
from edge.summary import Summary


def run(settings: Settings) -> None:
    """Do what the options say, until the source ends or somebody ends it.

    Raises:
        EdgeError: something the user can fix, before the first frame wherever possible.
    """
    # OpenCV's own threads would wait for work that is too small to share; stages and sinks have theirs.
    cv2.setNumThreads(1)
    layers = parse_layers(settings.layers)
    windowed = display_available() if settings.window is None else settings.window
    controls, health, summary = Controls(), Health(), Summary()
    keeps = settings.save_video or settings.jsonl or settings.csv or settings.web or settings.mqtt or settings.metrics
    if not windowed and settings.window is None and not keeps:
        _say("no display, so no window; --save-video, --jsonl or --web show what is read")
    with ExitStack() as closing:
        closing.enter_context(stopping_on_signals(controls.stop))
        reader = closing.enter_context(_reader(settings))
        source = open_source(settings.source, _source_options(settings, windowed))
        closing.callback(source.close)
        for note in source.notes:
            _say(note)
        outlets = Outlets(settings, source, reader, health, controls, layers)
        # Summary and files are told even after an error, once every sink has finished its file.
        begun = threading.Event()
        closing.callback(lambda: _report(settings, source, reader, summary) if begun.is_set() else None)
        closing.callback(outlets.close)
        outlets.open()
        service = ServiceManager()
        closing.callback(service.close)
        governor = Governor(
            lambda interval: setattr(reader, "search_interval", interval),
            interval=_interval(settings),
            rarest=1 if settings.blur else RAREST,
            budget_ms=settings.latency_budget,
            max_fps=settings.max_fps,
            max_temperature=settings.max_temperature,
            temperature=health.temperature,
            undervoltage=health.undervoltage,
        )
        window = None
        if windowed:
            window = Window(
                Overlay(layers, health, mirror=settings.mirror),
                controls,
                health,
                fps=source.fps,
                live=source.live,
                captures=settings.captures,
                models=models_of(reader.model),
                detectors=_detectors(settings),
                # A picture stays until somebody has seen it.
                hold=not source.live and source.fps is None and settings.max_frames is None,
            )
            closing.callback(window.close)
        pipeline = Pipeline(
            source,
            reader,
            outlets.opened,
            controls=controls,
            health=health,
            governor=governor,
            summary=summary,
            show=window.offer if window else None,
            recorder=outlets.recording,
            blur=settings.blur,
            max_frames=settings.max_frames,
            service=service,
            say=_say,
        )
        begun.set()
        if window is None:
            pipeline.run()
        else:
            _behind(window, pipeline, controls)


def _behind(window: Window, pipeline: Pipeline, controls: Controls) -> None:
    """Run the pipeline in a thread of its own: a window toolkit wants the main one."""
    finished = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            pipeline.run()
        except BaseException as error:  # told by the main thread
            failed.append(error)
        finally:
            finished.set()

    thread = threading.Thread(target=work, name="pipeline", daemon=True)
    thread.start()
    try:
        window.run(finished)
    finally:
        controls.stop.set()
        thread.join()
    if failed:
        raise failed[0]


def _reader(settings: Settings) -> EmotionReader:
    return EmotionReader(
        settings.model,
        onnx=settings.onnx,
        device=settings.device,
        threads=settings.threads,
        detector=settings.detector,
        detector_model=settings.detector_model,
        min_score=settings.min_score,
        smoothing=settings.smoothing,
        search_interval=_interval(settings),
    )


def _interval(settings: Settings) -> int:
    """Return the frames between searches; with --blur none, or who comes into view would be seen until the next one."""
    return 1 if settings.blur else settings.search_interval


def _source_options(settings: Settings, windowed: bool) -> SourceOptions:
    options = source_options(settings, patient=settings.wait)
    # In a window the demo goes on until somebody closes it.
    return dataclasses.replace(options, loop=True) if windowed and settings.source == "demo" else options


def _report(settings: Settings, source: Source, reader: EmotionReader, summary: Summary) -> None:
    """Say what was read and what was written."""
    out = sys.stderr if "-" in (str(settings.jsonl), str(settings.csv)) else sys.stdout
    model = f"{reader.model.path.name} on {reader.model.engine.name}"
    print(f"source     {source.name}; detector {reader.detector_name}; {model}", summary.render(), sep="\n", file=out)
    for path in (settings.save_video, settings.jsonl, settings.csv):
        if path and str(path) != "-" and path.exists():
            print(f"written    {path}", file=out)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _detectors(settings: Settings) -> list[str]:
    """Return the detectors that can be changed to without a further model file or package."""
    from importlib.util import find_spec

    names = ["blazeface", "blazeface-short", "blazeface-full"]
    if find_spec("mediapipe"):
        names.append("mediapipe")
    if settings.detector_model:
        names.append("yunet")
    return names
