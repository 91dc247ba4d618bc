"""Where results go: a window, an annotated video, JSON Lines, CSV, a web page, a broker, metrics."""

from __future__ import annotations

from edge.sinks.sink import Sink

__all__ = ["Sink"]
