"""How a run is doing: counted by the pipeline and its sinks, read by the window, the web page, MQTT and Prometheus."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from typing import Any

from edge.temperature import temperature
from edge.voltage import undervoltage

#: Rates are averaged over this many seconds.
_WINDOW = 2.0

#: Temperature and voltage are read at most this often, seconds.
_READ_EVERY = 2.0


@dataclasses.dataclass
class SinkHealth:
    """One sink's part.

    Attributes:
        state: ``"ok"``, or what is wrong in one line.
        written: results it took.
        dropped: results it could not take, because it was away or too slow.
        restarts: how often it was opened again after a failure.
    """

    state: str = "ok"
    written: int = 0
    dropped: int = 0
    restarts: int = 0


@dataclasses.dataclass
class SourceHealth:
    """What the pipeline last saw of its source; see :class:`edge.sources.Source`."""

    name: str = ""
    live: bool = False
    state: str = "ok"
    captured: int = 0
    dropped: int = 0
    reconnects: int = 0


class Health:
    """Counters of one run. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.source = SourceHealth()
        self.sinks: dict[str, SinkHealth] = {}
        self.model = ""
        self.detector = ""
        #: What the governor changed to hold a budget, in words; empty while nothing had to give way.
        self.adapted = ""
        #: The latest thing that went wrong with something a person asked for; empty when it went well.
        self.message = ""
        #: Frames left out on purpose, to hold a rate or a budget.
        self.skipped = 0
        #: Whether somebody paused the run.
        self.paused = False
        self.processed = 0
        self.faces = 0
        self.timings_ms: dict[str, float] = {}
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._marks: deque[tuple[float, int, int, int]] = deque()
        self._temperature: tuple[float, float | None] = (-_READ_EVERY, None)
        self._undervoltage: tuple[float, bool | None] = (-_READ_EVERY, None)

    def sink(self, name: str) -> SinkHealth:
        """Return the record of a sink, made on first use."""
        with self._lock:
            return self.sinks.setdefault(name, SinkHealth())

    def forget(self, name: str) -> None:
        """Remove a sink that was closed on purpose."""
        with self._lock:
            self.sinks.pop(name, None)

    def count(self, faces: int, timings_ms: dict[str, float]) -> None:
        """Count one processed frame."""
        with self._lock:
            self.processed += 1
            self.faces = faces
            self.timings_ms = timings_ms
            self._mark()

    def rates(self) -> dict[str, float]:
        """Return frames a second, ``captured``, ``processed`` and ``dropped``, over the last two seconds."""
        with self._lock:
            self._mark()
            first, last = self._marks[0], self._marks[-1]
        elapsed = last[0] - first[0]
        names = ("captured", "processed", "dropped")
        return {
            name: (b - a) / elapsed if elapsed > 0 else 0.0
            for name, a, b in zip(names, first[1:], last[1:], strict=True)
        }

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def temperature(self) -> float | None:
        """Return the processor's temperature, degrees Celsius; None where the system doesn't tell."""
        read, value = self._temperature
        now = time.monotonic()
        if now - read >= _READ_EVERY:
            value = temperature()
            self._temperature = (now, value)
        return value

    def undervoltage(self) -> bool | None:
        """Return whether the power supply is too weak; None where the system doesn't tell."""
        read, value = self._undervoltage
        now = time.monotonic()
        if now - read >= _READ_EVERY:
            value = undervoltage()
            self._undervoltage = (now, value)
        return value

    def snapshot(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON; docs/events.md describes the keys."""
        rates = self.rates()
        heat, weak = self.temperature(), self.undervoltage()
        with self._lock:
            return {
                "uptime_s": round(self.uptime, 1),
                "paused": self.paused,
                "model": self.model,
                "detector": self.detector,
                "source": dataclasses.asdict(self.source),
                "fps": {name: round(value, 1) for name, value in rates.items()},
                "processed": self.processed,
                "skipped": self.skipped,
                "faces": self.faces,
                "timings_ms": {name: round(value, 2) for name, value in self.timings_ms.items()},
                "temperature_c": heat,
                "undervoltage": weak,
                "adapted": self.adapted,
                "message": self.message,
                "sinks": {name: dataclasses.asdict(sink) for name, sink in self.sinks.items()},
            }

    def _mark(self) -> None:
        """Remember the counters now, and forget marks older than the window; at most some twenty are kept."""
        now = time.monotonic()
        mark = (now, self.source.captured, self.processed, self.source.dropped)
        if len(self._marks) > 1 and now - self._marks[-2][0] < _WINDOW / 20:
            self._marks[-1] = mark
        else:
            self._marks.append(mark)
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW:
            self._marks.popleft()
