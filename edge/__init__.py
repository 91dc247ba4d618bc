"""The lean runtime: faces, emotions, live. ``from edge import EmotionReader`` is the way in; see docs/library.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError, NotInstalledError
from edge.version import __version__

if TYPE_CHECKING:
    from edge.blur import blurred
    from edge.events import event
    from edge.reader import EmotionReader
    from edge.sources import SourceOptions, open_source
    from edge.types import Emotion, Face, Frame, Reading, Result

#: Where each name lives. Loaded on first use: the other rooms import this package for its contract and need no camera
#: code.
_HOMES = {
    "Emotion": "edge.types",
    "EmotionReader": "edge.reader",
    "Face": "edge.types",
    "Frame": "edge.types",
    "Reading": "edge.types",
    "Result": "edge.types",
    "SourceOptions": "edge.sources",
    "blurred": "edge.blur",
    "event": "edge.events",
    "open_source": "edge.sources",
}

__all__ = [
    "EdgeError",
    "Emotion",
    "EmotionReader",
    "Face",
    "Frame",
    "NotInstalledError",
    "Reading",
    "Result",
    "SourceOptions",
    "__version__",
    "blurred",
    "event",
    "open_source",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'edge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
