"""Where frames come from: cameras, streams, files, folders, and the built-in demo."""

from __future__ import annotations

from edge.sources.opening import Source, open_source
from edge.sources.options import SourceOptions, source_options

__all__ = ["Source", "SourceOptions", "open_source", "source_options"]
