"""``edge-train``: train a network, measure one, look at data."""

from __future__ import annotations

from edge.terminal import app_for
from train.commands.data import crop, inspect
from train.commands.evaluation import calibrate, evaluate
from train.commands.train import train

app = app_for("edge-train", "Train a two-head emotion network (8 emotions; valence and arousal).")
app.callback(invoke_without_command=True)(train)
for command in (inspect, evaluate, calibrate, crop):
    app.command()(command)


def main() -> None:
    """Entry point of ``edge-train``."""
    app()
