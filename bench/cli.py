"""``edge-bench``: how fast, how large and how right models are on this very machine."""

from __future__ import annotations

from bench.application import app
from bench.commands import formats, instructions, live

__all__ = ["app", "formats", "instructions", "live", "main"]


@app.callback()
def bench() -> None:
    """Measure models on this machine: speed, memory, and with --data accuracy."""


def main() -> None:
    """Entry point of ``edge-bench``."""
    app()
