"""``edge-train inspect`` and ``edge-train crop``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.terminal import guarded
from train.commands.options import Classes, ClassOrder, Data, DataArgument, NumClasses, Split


@guarded
def inspect(
    data: DataArgument,
    classes: Classes = "",
    num_classes: NumClasses = 0,
    class_order: ClassOrder = "",
    draw_file: Annotated[Path | None, typer.Option("--draw", help="Draw it into this file (.png, .pdf, .svg).")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything to this file as well.")] = None,
) -> None:
    """Look at a data set before training on it: classes, valence and arousal, sizes, problems, advice.

    Example: edge-train inspect ferplus:/data/ferplus --draw ferplus.png
    """
    from train.inspection import inspect, text
    from train.splits import Choice

    choice = Choice(classes, num_classes, class_order)
    found = inspect(data, choice.labels(), choice.numbers())
    typer.echo(text(found))
    if draw_file:
        from train.drawing import draw

        draw(found, draw_file)
    if json_file:
        import json

        from edge.files import write_atomically

        record = {split: inspection.record() for split, inspection in found.items()}
        write_atomically(json_file, json.dumps(record, indent=2).encode() + b"\n")


@guarded
def crop(
    data: Data,
    split: Split = "train",
    images: Annotated[int, typer.Option(min=10, help="How many pictures to look at.")] = 2000,
    detector: Annotated[str, typer.Option(help="The detector edge-run will use.")] = "blazeface",
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Find --crop-scale and --crop-shift for a data set of cropped faces, by running the face detector on it."""
    from edge.detect import load_detector
    from train.crop import measure_crop
    from train.data.opening import open_split

    fit = measure_crop(open_split(data, split), load_detector(detector), images, seed)
    low, high = fit.quartiles
    typer.echo(f"face found in {fit.found:.1%} of {fit.images} pictures by {detector}")
    typer.echo(f"picture side {fit.scale:.2f} boxes (quartiles {low:.2f} to {high:.2f})")
    typer.echo(f"picture centre {fit.shift_x:+.3f} box sides right, {fit.shift_y:+.3f} below the box's")
    typer.echo(f"train with: --crop-scale {fit.scale:.2f} --crop-shift {fit.shift_y:.2f}")
