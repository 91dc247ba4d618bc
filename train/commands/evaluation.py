"""``edge-train evaluate`` and ``edge-train calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.terminal import guarded
from train.commands.options import ClassOrder, Data, Split

if TYPE_CHECKING:
    from train.data.samples import Samples


@guarded
def evaluate(
    model: Annotated[Path, typer.Argument(help="A bundle folder (its model_weights.pth), or a file in a bundle.")],
    data: Data,
    split: Split = "validation",
    class_order: ClassOrder = "",
    limit: Annotated[int, typer.Option(min=0, help="Measure on so many images, drawn at random; 0: all.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file as well.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    every: Annotated[bool, typer.Option("--all", help="Measure every file of the bundle, in one table.")] = False,
    tta: Annotated[str, typer.Option(help="flip: answer with the mean of picture and mirror image. none.")] = "none",
    predictions: Annotated[
        Path | None, typer.Option(help="Write truth, probabilities, valence and arousal of each image to this CSV.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Draw confusion matrix, reliability and valence-arousal plane into this folder.")
    ] = None,
) -> None:
    """Measure a model file on a labelled data set: .pth, .pt, .onnx, .h5 or .tflite, each in its own runtime.

    Example: edge-train evaluate runs/train/bundle --data ferplus:/data/ferplus --plots plots
    """
    from edge.errors import EdgeError

    if tta not in ("none", "flip"):
        raise EdgeError(f"--tta {tta}: use one of none, flip")
    if every and (predictions or plots):
        raise EdgeError("--all makes one table of all files; --predictions and --plots need one file, run them apart")
    import json
    import sys

    from edge.files import write_atomically
    from train.comparison import compare
    from train.evaluation import evaluate_file
    from train.report import table, text

    samples = _some(model, data, split, limit, class_order)
    record: dict[str, object]
    if every:
        rows = compare(model, samples, device, tta == "flip", lambda name: print(f"measuring {name}", file=sys.stderr))
        typer.echo(table(rows))
        record = {"model": str(model), "files": [row.record() for row in rows]}
    else:
        evaluation, name, found = evaluate_file(model, samples, device, tta == "flip")
        typer.echo(f"model     {name}")
        typer.echo(text(evaluation))
        record = {"model": name, **evaluation.record()}
        if predictions:
            from train.predictions import write_predictions

            write_predictions(found, predictions)
        if plots:
            from train.plots import draw_evaluation

            typer.echo(f"drawn: {', '.join(str(path) for path in draw_evaluation(found, plots))}")
    if json_file:
        write_atomically(json_file, json.dumps(record, indent=2).encode() + b"\n")


@guarded
def calibrate(
    model: Annotated[Path, typer.Argument(help="A bundle folder (its checkpoint is run), or a file in a bundle.")],
    data: Data,
    split: Split = "validation",
    limit: Annotated[int, typer.Option(min=0, help="Fit on so many images, drawn at random; 0: all.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Fit a bundle's temperature, so that its probabilities mean what they say; only the config changes.

    The split must be one the network was not trained on.

    Example: edge-train calibrate runs/train/bundle --data ferplus:/data/ferplus
    """
    from train.calibration import calibrate_bundle

    found, name = calibrate_bundle(model, _some(model, data, split, limit), device)
    record = found.record
    typer.echo(f"model        {name}")
    typer.echo(f"fitted on    {record.data}: {record.samples} images")
    typer.echo(f"temperature  {found.temperature:.4f}")
    typer.echo(f"ECE          {record.ece_before:.4f} before, {record.ece_after:.4f} after")
    typer.echo(f"NLL          {record.nll_before:.4f} before, {record.nll_after:.4f} after")
    typer.echo(f"after: cross-fitted in {record.folds} folds; ECE: 15 equal-width bins (Guo et al. 2017)")


def _some(model: Path, data: str, split: str, limit: int, class_order: str = "") -> Samples:
    """Open a split with the classes of a model; of more than ``limit`` images, take so many, always the same ones."""
    import numpy as np

    from train.splits import open_for

    samples = open_for(model, data, split, class_order)
    for line in samples.findings.lines():
        typer.echo(f"note: {samples.name}: {line}", err=True)
    if limit and limit < len(samples):
        samples = samples.take(np.sort(np.random.default_rng(0).permutation(len(samples))[:limit]))
    return samples
