"""From options to a running application: opens what they name, runs it, says what it came to."""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2

from edge.controls import Controls
from edge.governor import RAREST, Governor
from edge.health import Health
from edge.layers import parse_layers
from edge.notify import ServiceManager
from edge.outlet import Outlet
from edge.overlay import Overlay
from edge.pipeline import Pipeline, stopping_on_signals
from edge.reader import EmotionReader
from edge.settings import Settings
from edge.sinks import Sink
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
        outlets = _Outlets(settings, source, reader, health, controls, layers)
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


class _Outlets:
    """Opens the sinks that the options name; closes them in the end."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        reader: EmotionReader,
        health: Health,
        controls: Controls,
        layers: frozenset[str],
    ) -> None:
        self.opened: list[Outlet] = []
        self._settings = settings
        self._source = source
        self._labels = reader.model.bundle.config.labels
        self._health = health
        self._controls = controls
        self._layers = layers
        # Somebody waits for the whole of a file; nobody sits beside what goes on without end.
        self._attended = not (source.live or settings.loop)
        self._times: dict[str, int] = {}

    def open(self) -> None:
        """Open each of them.

        Raises:
            EdgeError: one can't be opened.
        """
        settings = self._settings
        rotate = {"rotate_bytes": round(settings.rotate_mb * 1e6), "keep": settings.rotate_keep}
        if path := settings.jsonl:
            from edge.sinks.jsonl import JsonLinesSink

            self._add("jsonl", lambda: JsonLinesSink(path, append=self._again("jsonl"), **rotate))
        if table := settings.csv:
            from edge.sinks.table import CsvSink

            self._add("csv", lambda: CsvSink(table, labels=self._labels, append=self._again("csv"), **rotate))
        if settings.save_video:
            self._add("video", self._video(settings.save_video))
        if settings.web:
            self._add("web", self._web)
        if settings.mqtt:
            self._add("mqtt", self._mqtt)
        if settings.metrics:
            self._add("metrics", self._metrics)

    def recording(self) -> Outlet:
        """Open a video for what a person asked to keep."""
        stem = time.strftime("%Y%m%d-%H%M%S")
        path = self._settings.captures / f"recording-{stem}.mkv"
        return Outlet("recording", self._video(path), self._health, attended=False)

    def close(self) -> None:
        """Finish and close all, also when one of them fails at it."""
        with ExitStack() as closing:
            for outlet in self.opened:
                closing.callback(outlet.close)
            self.opened = []

    def _add(self, name: str, make: Callable[[], Sink]) -> None:
        self.opened.append(Outlet(name, make, self._health, attended=self._attended))

    def _again(self, name: str) -> bool:
        """Return whether this is not the first opening in this run: what is there is then kept."""
        self._times[name] = self._times.get(name, 0) + 1
        return self._times[name] > 1

    def _video(self, path: Path) -> Callable[[], Sink]:
        from edge.sinks.video import VideoSink

        live = self._source.live
        overlay = Overlay(self._layers, self._health)
        return lambda: VideoSink(self._fresh(path), self._source.fps, overlay, live=live)

    def _fresh(self, path: Path) -> Path:
        """A video can't be gone on with: after a failure the next part gets a number."""
        self._times[str(path)] = part = self._times.get(str(path), 0) + 1
        return path if part == 1 else path.with_stem(f"{path.stem}.{part}")

    def _web(self) -> Sink:
        from edge.sinks.web import WebSink

        settings = self._settings
        sink = WebSink(
            self._health,
            host=settings.web_host,
            port=settings.web_port,
            token=settings.web_token,
            fps=settings.web_fps,
            controls=self._controls,
        )
        _say(f"live page: {sink.url}")
        return sink

    def _mqtt(self) -> Sink:
        from edge.sinks.mqtt import MqttSink

        settings = self._settings
        return MqttSink(
            self._health,
            broker=settings.mqtt,
            topic=settings.mqtt_topic,
            id=settings.mqtt_id,
            user=settings.mqtt_user,
            password=settings.mqtt_password,
            tls=settings.mqtt_tls,
            ca=settings.mqtt_ca,
            buffer=settings.mqtt_buffer,
            rate=settings.mqtt_rate,
            discovery=settings.mqtt_discovery,
        )

    def _metrics(self) -> Sink:
        from edge.sinks.prometheus import PrometheusSink

        return PrometheusSink(self._health, host=self._settings.metrics_host, port=self._settings.metrics_port)


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
