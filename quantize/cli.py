"""``edge-quantize``: turn a checkpoint into files for other runtimes, float and int8, and prove each of them.

The commands are light at import: on a device, ``edge-quantize verify`` runs without torch and TensorFlow.
"""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from edge.terminal import app_for
from quantize.commands.convert import convert
from quantize.commands.make import make
from quantize.commands.verify import verify


class _MakeByDefault(TyperGroup):
    """``edge-quantize SOURCE`` is ``edge-quantize make SOURCE``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        first = args[0] if args else "--help"
        if first not in self.commands and first not in ("-h", "--help"):
            args = ["make", *args]
        return super().parse_args(ctx, args)


app = app_for("edge-quantize", "Make files for other runtimes from a trained network, and prove each.", _MakeByDefault)
for command in (make, verify, convert):
    app.command()(command)


@app.callback()
def _commands() -> None:
    """Make files for other runtimes from a trained network, and prove each.

    edge-quantize SOURCE is short for edge-quantize make SOURCE.
    """


def main() -> None:
    """Entry point of ``edge-quantize``."""
    app()
