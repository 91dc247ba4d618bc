"""Inference engines: one class a runtime, chosen by the file's extension. Runtimes are imported when asked for."""

from __future__ import annotations

from edge.engines.loading import Engine, load_engine

__all__ = ["Engine", "load_engine"]
