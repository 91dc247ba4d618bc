"""The default models, from FER+ to bundles: teachers, the larger model, and the small one that the package carries.

``python -m train.default_models --data ferplus:DIR`` runs the stages one after the other. Each stage is an ordinary run
(:func:`train.run.fit`) in a folder of its own: what is finished is skipped, what was broken off goes on, so the command
may be repeated in legs (``--minutes``). The stages are chosen on images held out of the training split; the validation
split is measured once, at the end, with ``edge-train evaluate``.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from edge.bundle import Crop
from edge.errors import EdgeError
from edge.terminal import app_for, guarded

app = app_for("default-models", "Train the default models on FER+.")

#: Measured with ``edge-train crop --data ferplus:DIR``: see docs/default-model.md.
CROP = Crop(scale=1.11, shift_y=-0.05, source_size=48)


@dataclasses.dataclass(frozen=True)
class Stage:
    """One run.

    Attributes:
        name: of its folder.
        architecture: torchvision's name.
        seed: of the run.
        epochs: passes over the training images.
        teachers: stages whose networks teach it.
    """

    name: str
    architecture: str
    seed: int
    epochs: int
    teachers: tuple[str, ...] = ()


def stages(teachers: int, teacher_epochs: int, epochs: int) -> list[Stage]:
    """Return the stages in order.

    The teachers differ by their seed alone, and their mean is better than each of them; a network of their own kind
    learns that mean (Furlanello et al. 2018, "Born-again neural networks"), and the small one learns from all.
    """
    first = [Stage(f"teacher-{number}", "resnet18", number, teacher_epochs) for number in range(teachers)]
    names = tuple(stage.name for stage in first)
    return [
        *first,
        Stage("resnet18", "resnet18", teachers, epochs, names),
        Stage("mobilenet_v2", "mobilenet_v2", teachers + 1, epochs, (*names, "resnet18")),
    ]


@app.command()
@guarded
def main(
    data: Annotated[str, typer.Option(help="ferplus:DIR.")],
    out: Annotated[Path, typer.Option(help="A folder a stage is made here.")] = Path("runs/default"),
    image_size: Annotated[int, typer.Option(min=32, help="Side of the input of all networks, pixels.")] = 112,
    teachers: Annotated[int, typer.Option(min=1, help="ResNet-18 teachers.")] = 2,
    teacher_epochs: Annotated[int, typer.Option(min=1, help="Epochs of each teacher.")] = 60,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each student.")] = 100,
    batch_size: Annotated[int, typer.Option(min=2)] = 128,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="32-true, 16-mixed or bf16-mixed.")] = "32-true",
    workers: Annotated[int, typer.Option(min=0)] = 0,
    minutes: Annotated[float, typer.Option(min=0, help="End this leg in time; run again to go on. 0: no limit.")] = 0.0,
) -> None:
    """Train teachers, ResNet-18 and MobileNetV2 on FER+; run it again to go on where it stopped.

    Example: python -m train.default_models --data ferplus:/data/ferplus --device cuda --precision bf16-mixed
    """
    from train.module import Options
    from train.run import Run, fit
    from train.splits import Choice

    end = time.monotonic() + 60 * minutes
    for stage in stages(teachers, teacher_epochs, epochs):
        folder = out / stage.name
        if _finished(folder, stage.epochs):
            continue
        left = (end - time.monotonic()) / 60 if minutes else 0.0
        if minutes and left <= 0:
            break
        print(f"== {stage.name}: {stage.architecture}, {stage.epochs} epochs", flush=True)
        run = Run(
            data=data,
            out=folder,
            architecture=stage.architecture,
            weights="none",
            image_size=image_size,
            color="gray",
            epochs=stage.epochs,
            patience=0,
            batch_size=batch_size,
            workers=workers,
            ema=0.998,
            seed=stage.seed,
            device=device,
            precision=precision,  # type: ignore[arg-type]
            choice=Choice(hold_out=0.1),
            max_minutes=left,
            crop=CROP,
            teachers=[str(out / name / "bundle") for name in stage.teachers],
            options=Options(
                lr=3e-3 if stage.architecture == "mobilenet_v2" else 2e-3,
                optimizer="adamw",
                weight_decay=0.05,
                augment="strong",
            ),
        )
        try:
            fit(run, resume=(folder / "last.ckpt").is_file())
        except EdgeError:
            if not minutes or time.monotonic() < end:  # else: stopped by the clock, before the first epoch ended
                raise
        if not _finished(folder, stage.epochs):
            break  # stopped by the clock
    else:
        print(f"done: {out}/resnet18/bundle and {out}/mobilenet_v2/bundle; next: edge-quantize BUNDLE --data {data}")
        return
    print("the time is up: run the same command again to go on", file=sys.stderr)


def _finished(folder: Path, epochs: int) -> bool:
    from train.checkpoint_io import progressed

    last = folder / "last.ckpt"
    return (folder / "bundle").is_dir() and last.is_file() and progressed(last).epochs >= epochs


if __name__ == "__main__":
    app()
