"""The live window: shows results, and takes a person's wishes by keys."""

from __future__ import annotations

from edge.sinks.window.choices import models_of
from edge.sinks.window.display import display_available
from edge.sinks.window.window import Window

__all__ = ["Window", "display_available", "models_of"]
