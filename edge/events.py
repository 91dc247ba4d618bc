"""One JSON object a frame: what other programs read. Additions only."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.types import Reading, Result

SCHEMA = 1


def event(result: Result) -> dict[str, Any]:
    """Return the object of a frame; see docs/events.md for each field."""
    return {
        "schema": SCHEMA,
        "source": result.source,
        "frame": result.frame.index,
        "time": round(result.frame.time, 3),
        "faces": [_face(reading) for reading in result.readings],
        "timings_ms": {name: round(value, 2) for name, value in result.timings_ms.items()},
    }


def encode(result: Result) -> bytes:
    """Return the object of a frame as JSON, without a line break."""
    return msgspec.json.encode(event(result))


def _face(reading: Reading) -> dict[str, Any]:
    face, emotion = reading.face, reading.emotion
    return {
        "id": face.id,
        "box": [round(value, 1) for value in face.box],
        "score": round(face.score, 3),
        "emotion": emotion.label,
        "probabilities": {
            label: round(value, 4) for label, value in zip(emotion.labels, emotion.probabilities, strict=True)
        },
        "valence": round(emotion.valence, 3),
        "arousal": round(emotion.arousal, 3),
    }
