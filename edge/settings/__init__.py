"""Options of ``edge-run``: one schema, read from a file, the environment and flags."""

from __future__ import annotations

from edge.settings.schema import Settings

__all__ = ["Settings"]
