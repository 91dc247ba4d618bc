"""``edge-bench``: how fast, how large and how right models are on this very machine."""

from __future__ import annotations

from bench.application import app
from bench.commands import (  # noqa: F401 (importing one adds its command)
    compare,
    formats,
    instructions,
    live,
    pairs,
    peers,
    pipeline,
    promised,
    recommend,
    report,
    submit,
    sustained,
)

_HELP = """Measure models and the whole pipeline on this machine, compare results, and draw conclusions.

[bold]Examples[/bold]

edge-bench pipeline --quick                              frames a second here, and where the time goes

edge-bench formats models/mine --data ferplus:DIR        every file of a bundle: speed, memory, accuracy

edge-bench compare before.json after.json                faster, slower, or no difference that can be told

edge-bench report --out report.html                      all results on one page

edge-bench recommend RESULTS --fps 15 --out edge-run.toml     one setting for a target

How it measures: docs/benchmarking.md.
"""


@app.callback(help=_HELP)
def bench() -> None:
    """Measure models and the whole pipeline on this machine, compare results, and draw conclusions."""


def main() -> None:
    """Entry point of ``edge-bench``."""
    app()
