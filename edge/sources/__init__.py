"""Where frames come from: cameras, streams, files, folders, and the built-in demo."""

from __future__ import annotations

from edge.sources.opening import Source, open_source

__all__ = ["Source", "open_source"]
