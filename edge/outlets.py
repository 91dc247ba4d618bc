"""The sinks that a run's options name."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from edge.controls import Controls
from edge.health import Health
from edge.outlet import Outlet
from edge.overlay import Overlay
from edge.reader import EmotionReader
from edge.settings import Settings
from edge.sinks import Sink
from edge.sources import Source


class Outlets:
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
        """Take note of what is wanted; :meth:`open` opens it.

        Args:
            settings: the options.
            source: where frames come from; sinks of endless ones come back after a failure.
            reader: whose labels name the columns of a table.
            health: of the run.
            controls: for the page.
            layers: what is drawn in videos.
        """
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
        print(f"live page: {sink.url}", file=sys.stderr, flush=True)
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
