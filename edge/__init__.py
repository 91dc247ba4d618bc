"""The lean runtime: faces, emotions, live. ``from edge import EmotionReader`` is the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError
from edge.version import __version__

if TYPE_CHECKING:
    from edge.reader import EmotionReader

__all__ = ["EdgeError", "EmotionReader", "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: the other rooms import this package for its contract and need no camera code.
    if name == "EmotionReader":
        from edge.reader import EmotionReader

        return EmotionReader
    raise AttributeError(f"module 'edge' has no attribute {name!r}")
