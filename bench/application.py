"""The application that the commands of ``edge-bench`` belong to."""

from __future__ import annotations

from edge.terminal import app_for

app = app_for("edge-bench", "Measure models and the whole pipeline on this machine.")
