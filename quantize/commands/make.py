"""``edge-quantize make``, which is what ``edge-quantize SOURCE`` does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.terminal import guarded


@guarded
def make(
    source: Annotated[Path, typer.Argument(help="A bundle folder, or the model_weights.pth in one.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the files; default: the bundle's own.")] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", "--data_dir", "--data-dir", help="ferplus:DIR, affectnet:DIR or folder:DIR."),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(help="torchscript, onnx, keras, tflite, onnx-int8, tflite-int8; repeat or list. Default: all."),
    ] = None,
    images: Annotated[
        int, typer.Option(min=0, help="Labelled validation images to compare and measure on; 0: all.")
    ] = 500,
    calibration: Annotated[int, typer.Option(min=1, help="Training images that int8 ranges are taken from.")] = 300,
    seed: Annotated[int, typer.Option(help="Chooses the images.")] = 0,
) -> None:
    """Make files for other runtimes from a checkpoint, float and int8, and prove each against it.

    Every file is run in its own runtime: float files must give the checkpoint's logits within 1e-4, int8 files must
    name the same emotion on 95 % of the images and lose at most one point of accuracy. What fails is kept out of the
    bundle (exit code 1); model_config.json and MODEL_CARD.md are renewed.

    Example: edge-quantize runs/train/bundle --data ferplus:/data/ferplus
    """
    from quantize.formats import chosen

    targets = chosen(formats or [])
    from quantize.export.keras import unportable
    from quantize.images import choose
    from quantize.parity import reference
    from quantize.pipeline import open_output, open_source
    from quantize.pipeline import quantize as run
    from quantize.table import table

    checkpoint = open_source(source)
    config = checkpoint.bundle.config
    output = open_output(checkpoint, out)
    refused: dict[str, str] = {}
    reason = unportable(checkpoint.network) if any(target.through_keras for target in targets) else None
    if reason:
        problem = f"{config.architecture} cannot be ported to Keras: {reason}"
        refused = {target.name: problem for target in targets if target.through_keras}
        typer.echo(f"{problem}; skipping {', '.join(refused)}", err=True)
    chosen_images = choose(data, config, images, calibration, seed)
    if chosen_images.notice:
        typer.echo(chosen_images.notice, err=True)
    float_outputs = reference(
        checkpoint.network, chosen_images.comparison, chosen_images.data, chosen_images.truth, config.labels
    )
    outcomes = run(
        checkpoint,
        output,
        targets,
        float_outputs,
        chosen_images.calibration,
        refused,
        lambda line: typer.echo(line, err=True),
    )
    typer.echo(table(outcomes, float_outputs))
    typer.echo(f"compared on {chosen_images.data}; bundle: {output.folder}")
    if any(outcome.problem for outcome in outcomes):
        raise typer.Exit(1)
