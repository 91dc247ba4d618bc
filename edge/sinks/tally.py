"""What is told to Prometheus: histograms and counts of its own, and the run's health at the moment it asks."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterator

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from edge.health import Health
from edge.types import Result
from edge.version import __version__

#: Upper edges of the histograms, seconds: from a crop on a workstation to a search on a slow board.
EDGES = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1.0)

_PREFIX = "edge_run"


class Tally(Collector):  # type: ignore[misc]  # prometheus-client is optional, so its types may be missing
    """Counts results, and lists everything when asked. Both may happen at once."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._began = time.time() - health.uptime
        self._lock = threading.Lock()
        self._stages: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._emotions: dict[str, int] = {}

    def count(self, result: Result) -> None:
        """Count the stages and faces of one result."""
        with self._lock:
            for stage, milliseconds in result.timings_ms.items():
                seconds = milliseconds / 1000
                counts = self._stages.setdefault(stage, [0] * (len(EDGES) + 1))
                counts[bisect.bisect_left(EDGES, seconds)] += 1
                self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds
            for reading in result.readings:
                # Every label is there from the first face on, so that rates begin at zero and not with a gap.
                for label in reading.emotion.labels:
                    self._emotions.setdefault(label, 0)
                self._emotions[reading.emotion.label] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._results()
        yield from self._run()
        yield from self._sinks()

    def _results(self) -> Iterator[Metric]:
        stages = HistogramMetricFamily(
            f"{_PREFIX}_stage_seconds",
            "Time spent on a frame in each stage, and from its arrival on.",
            labels=["stage"],
        )
        emotions = CounterMetricFamily(
            f"{_PREFIX}_faces_by_emotion", "Readings, one a face and frame, by emotion.", labels=["emotion"]
        )
        with self._lock:
            for stage, counts in self._stages.items():
                total, buckets = 0, []
                for edge, count in zip((*map(str, EDGES), "+Inf"), counts, strict=True):
                    total += count
                    buckets.append((edge, total))
                stages.add_metric([stage], buckets, self._seconds[stage])
            for emotion, count in self._emotions.items():
                emotions.add_metric([emotion], count)
        yield stages
        yield emotions

    def _run(self) -> Iterator[Metric]:
        health, source = self._health, self._health.source
        yield InfoMetricFamily(
            f"{_PREFIX}_build",
            "What is running.",
            value={"version": __version__, "model": health.model, "detector": health.detector},
        )
        yield _counter("frames_captured", "Frames that arrived from the source.", source.captured)
        yield _counter("frames_processed", "Frames that were read.", health.processed)
        yield _counter("frames_dropped", "Frames that newer ones replaced before they were read.", source.dropped)
        yield _counter("frames_skipped", "Frames left out on purpose, to hold a rate or a budget.", health.skipped)
        rates = GaugeMetricFamily(
            f"{_PREFIX}_frames_per_second", "Frames a second over the last two seconds.", labels=["kind"]
        )
        for kind, rate in health.rates().items():
            rates.add_metric([kind], rate)
        yield rates
        yield _gauge("faces", "Faces in the newest frame.", health.faces)
        yield _gauge("source_up", "Whether pictures arrive.", source.state == "ok")
        yield _counter("source_reconnects", "Times the source was lost and opened again.", source.reconnects)
        yield _gauge("paused", "Whether somebody paused the run.", health.paused)
        yield _gauge("adapted", "Whether something was slowed down to hold a budget.", bool(health.adapted))
        heat = health.temperature()
        if heat is not None:
            yield _gauge("temperature_celsius", "Temperature of the processor.", heat)
        if (weak := health.undervoltage()) is not None:
            yield _gauge("undervoltage", "1 while the power supply is too weak.", float(weak))
        yield _gauge("uptime_seconds", "Seconds since the start of the run.", health.uptime)
        yield _gauge("start_time_seconds", "Start of the run, seconds since the epoch.", self._began)

    def _sinks(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(f"{_PREFIX}_sink_up", "Whether a sink takes results.", labels=["sink"])
        written = CounterMetricFamily(f"{_PREFIX}_sink_results", "Results a sink took.", labels=["sink"])
        dropped = CounterMetricFamily(f"{_PREFIX}_sink_dropped", "Results a sink could not take.", labels=["sink"])
        restarts = CounterMetricFamily(f"{_PREFIX}_sink_restarts", "Times a sink was opened again.", labels=["sink"])
        for name, sink in list(self._health.sinks.items()):
            up.add_metric([name], sink.state == "ok")
            written.add_metric([name], sink.written)
            dropped.add_metric([name], sink.dropped)
            restarts.add_metric([name], sink.restarts)
        yield from (up, written, dropped, restarts)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"{_PREFIX}_{name}", text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=value)
