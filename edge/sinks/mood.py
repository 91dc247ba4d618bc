"""The short message for dashboards: whoever is nearest, how many there are, and whether all is well."""

from __future__ import annotations

import re
import time
from typing import Any

from edge.health import Health
from edge.types import Reading

#: Seconds between two messages at least, and between two that say nearly the same.
SOON, LATER = 1.0, 30.0

#: Differences of valence or arousal below this are noise, not news.
NOISE = 0.05


def mood(readings: tuple[Reading, ...] | None, health: Health, own: str) -> dict[str, Any]:
    """Return the message.

    Args:
        readings: of the newest frame; None before the first.
        health: of the run.
        own: name of the sink that sends it: that one isn't its own problem.
    """
    source = health.source
    problem = "" if source.state == "ok" else f"source: {source.state}"
    for name, sink in list(health.sinks.items()):
        if name != own and sink.state != "ok":
            problem = problem or f"{name}: {sink.state}"
    said: dict[str, Any] = {
        "emotion": None,
        "probability": None,
        "valence": None,
        "arousal": None,
        "faces": None,
        "source": {"name": source.name, "state": source.state},
        "paused": health.paused,
        "problem": problem,
    }
    # Without pictures the last reading is history, and nobody knows how many people there are.
    if readings is None or source.state != "ok" or health.paused:
        return said
    said["faces"] = len(readings)
    if readings:
        nearest = max(readings, key=lambda reading: reading.face.box[2] * reading.face.box[3]).emotion
        said["emotion"] = nearest.label
        said["probability"] = round(max(nearest.probabilities), 3)
        said["valence"] = round(nearest.valence, 3)
        said["arousal"] = round(nearest.arousal, 3)
    return said


class News:
    """Decides whether a message is worth sending: changes soon, noise and running clocks later."""

    def __init__(self) -> None:
        self._last: dict[str, Any] | None = None
        self._sent = 0.0

    def is_due(self, said: dict[str, Any]) -> bool:
        """Say whether this message should be sent now; True counts as sent."""
        now = time.monotonic()
        if self._last is not None:
            if said == self._last or now - self._sent < SOON:
                return False
            if not _differ(said, self._last) and now - self._sent < LATER:
                return False
        self._last, self._sent = said, now
        return True

    def forget(self) -> None:
        """Let the next message be sent in any case."""
        self._last = None


def _differ(a: dict[str, Any], b: dict[str, Any]) -> bool:
    for key in ("valence", "arousal"):
        if a[key] is not None and b[key] is not None and abs(a[key] - b[key]) >= NOISE:
            return True
    return _words(a) != _words(b)


def _words(said: dict[str, Any]) -> tuple[Any, ...]:
    """Everything but numbers: states say for how many seconds something has been wrong."""
    clockless = re.sub(r"\d+", "", f"{said['problem']} {said['source']['state']}")
    return said["emotion"], said["faces"], said["paused"], said["source"]["name"], clockless
