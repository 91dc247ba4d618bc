"""``edge-train``: train a network, or measure one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from edge.terminal import app_for, guarded

app = app_for("edge-train", "Train a two-head emotion network (8 emotions; valence and arousal).")


@app.callback(invoke_without_command=True)
@guarded
def train(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Option("--data", "--data_dir", "--data-dir", help="ferplus:DIR, affectnet:DIR or folder:DIR.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Run folder: checkpoints, figures, the bundle.")] = Path("runs/train"),
    arch: Annotated[str, typer.Option(help="A torchvision network: mobilenet_v2, resnet18, ...")] = "mobilenet_v2",
    weights: Annotated[
        str,
        typer.Option(
            help="What training begins with: auto (ImageNet's where they can be had, else random), none (random), a "
            "torchvision name (DEFAULT, IMAGENET1K_V1, ...) or a bundle."
        ),
    ] = "auto",
    image_size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the network input, pixels.")] = 224,
    source_size: Annotated[
        int | None, typer.Option(min=8, help="Side of the training pictures where smaller than the input (FER+: 48).")
    ] = None,
    gray: Annotated[bool, typer.Option("--gray", help="Train on luma; colour is removed inside the network.")] = False,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training split.")] = 50,
    patience: Annotated[int, typer.Option(min=0, help="Stop after so many epochs without progress; 0: never.")] = 10,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-3,
    optimizer: Annotated[str, typer.Option(help="adam or adamw.")] = "adam",
    weight_decay: Annotated[float, typer.Option(min=0)] = 0.0,
    warmup: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the run in which the rate rises; then it falls (cosine).")
    ] = 0.05,
    alpha: Annotated[float, typer.Option(min=0, help="Weight of the emotion loss.")] = 1.0,
    beta: Annotated[float, typer.Option(min=0, help="Weight of the valence/arousal loss.")] = 0.5,
    task_weights: Annotated[
        str, typer.Option(help="fixed, or uncertainty: learnt (Kendall 2018), beginning at alpha and beta.")
    ] = "fixed",
    va_loss: Annotated[
        str, typer.Option(help="Valence/arousal: mse, ccc (1 - concordance of a batch) or mse+ccc.")
    ] = "mse",
    label_smoothing: Annotated[float, typer.Option(min=0, max=0.5)] = 0.0,
    balance: Annotated[
        float, typer.Option(min=0, max=1, help="Weigh rare classes more: 0 not at all, 1 all classes the same in sum.")
    ] = 0.0,
    effective_number: Annotated[
        float,
        typer.Option(
            min=0, max=0.999999, help="Weigh classes by effective number (Cui 2019), e.g. 0.999; not with --balance."
        ),
    ] = 0.0,
    sampler: Annotated[str, typer.Option(help="shuffle, or weighted: rare classes are drawn more often.")] = "shuffle",
    sampler_power: Annotated[
        float, typer.Option(min=0, max=1, help="How much more often: 1 all classes alike, 0.5 half way.")
    ] = 1.0,
    teacher: Annotated[
        list[str] | None, typer.Option(help="Learn from this bundle's answers too; give several for their mean.")
    ] = None,
    distill_weight: Annotated[float, typer.Option(min=0, max=1, help="Share of the loss that is the teacher's.")] = 0.7,
    distill_temperature: Annotated[
        float, typer.Option(min=0.1, max=100, help="Soften teacher's and student's answers before comparing them.")
    ] = 1.0,
    teacher_flips: Annotated[
        bool,
        typer.Option("--teacher-flips/--no-teacher-flips", help="The teacher answers for picture and mirror image."),
    ] = True,
    augment: Annotated[
        str, typer.Option(help="none, standard (flip, 15 degrees), strong or randaugment.")
    ] = "standard",
    rotation: Annotated[
        float | None, typer.Option(min=0, max=180, help="Largest turn in degrees, instead of --augment's.")
    ] = None,
    erase: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of images with a rectangle erased, instead of --augment's."),
    ] = None,
    mixup: Annotated[float, typer.Option(min=0, max=10, help="Blend images: Beta(a, a), e.g. 0.2; 0: none.")] = 0.0,
    dropout: Annotated[
        float | None, typer.Option(min=0, max=0.9, help="Features dropped before the heads, instead of --arch's own.")
    ] = None,
    ema: Annotated[float, typer.Option(min=0, max=0.99999, help="Decay of averaged weights; 0: none.")] = 0.0,
    swa_start: Annotated[
        float,
        typer.Option(
            min=0, max=0.99, help="Share of epochs after which weights are averaged (SWA), e.g. 0.75; 0: none."
        ),
    ] = 0.0,
    crop_scale: Annotated[float, typer.Option(min=0.5, max=3, help="Runtime crop: side in face-box sides.")] = 1.0,
    crop_shift: Annotated[float, typer.Option(min=-1, max=1, help="Runtime crop: shift down in face-box sides.")] = 0.0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read images.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="32-true, 16-mixed or bf16-mixed.")] = "32-true",
    seed: Annotated[int, typer.Option()] = 0,
    limit: Annotated[int, typer.Option(min=0, help="Use at most so many training images; 0: all.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/last.ckpt.")] = False,
) -> None:
    """Train a network; without a subcommand, that is what edge-train does.

    Example: edge-train --data ferplus:/data/ferplus --gray --image-size 96 --source-size 48 --epochs 30
    """
    if context.invoked_subcommand:
        return
    from edge.errors import EdgeError

    if data is None:
        raise EdgeError("--data is missing: a data set folder, for example --data ferplus:/data/ferplus")
    for name, value, allowed in (
        ("--optimizer", optimizer, ("adam", "adamw")),
        ("--augment", augment, ("none", "standard", "strong", "randaugment")),
        ("--task-weights", task_weights, ("fixed", "uncertainty")),
        ("--va-loss", va_loss, ("mse", "ccc", "mse+ccc")),
        ("--sampler", sampler, ("shuffle", "weighted")),
        ("--device", device, ("auto", "cpu", "cuda")),
        ("--precision", precision, ("32-true", "16-mixed", "bf16-mixed")),
    ):
        if value not in allowed:
            raise EdgeError(f"{name} {value}: use one of {', '.join(allowed)}")
    for wrong, line in (
        (ema and swa_start, "--ema and --swa-start both average the weights: use one of them"),
        (balance and effective_number, "--balance and --effective-number both weigh the classes: use one of them"),
        (
            task_weights == "uncertainty" and not (alpha and beta),
            "--task-weights uncertainty begins at --alpha and --beta: neither may be 0",
        ),
        (
            not teacher and (distill_weight, distill_temperature, teacher_flips) != (0.7, 1.0, True),
            "--distill-weight, --distill-temperature and --no-teacher-flips need a --teacher",
        ),
        (sampler == "shuffle" and sampler_power != 1, "--sampler-power needs --sampler weighted"),
    ):
        if wrong:
            raise EdgeError(line)
    from edge.bundle import Crop
    from train.module import Options
    from train.run import Precision, Run, fit

    folder = fit(
        Run(
            data=data,
            out=out,
            architecture=arch,
            weights=weights,
            image_size=image_size,
            color="gray" if gray else "rgb",
            epochs=epochs,
            patience=patience,
            batch_size=batch_size,
            workers=workers,
            ema=ema,
            seed=seed,
            device=device,
            precision=cast(Precision, precision),
            limit=limit,
            dropout=dropout,
            sampler=sampler,
            sampler_power=sampler_power,
            teachers=teacher or [],
            crop=Crop(scale=crop_scale, shift_y=crop_shift, source_size=source_size),
            options=Options(
                lr=lr,
                optimizer=optimizer,
                weight_decay=weight_decay,
                warmup=warmup,
                swa_start=swa_start,
                alpha=alpha,
                beta=beta,
                task_weights=task_weights,
                va_loss=va_loss,
                label_smoothing=label_smoothing,
                augment=augment,
                rotation=rotation,
                erase=erase,
                mixup=mixup,
                balance=balance,
                effective_number=effective_number,
                distill_weight=distill_weight,
                distill_temperature=distill_temperature,
                teacher_flips=teacher_flips,
            ),
        ),
        resume=resume,
    )
    typer.echo(f"bundle written: {folder}")
    typer.echo(f"next: edge-quantize {folder}")


@app.command("evaluate")
@guarded
def evaluate_command(
    model: Annotated[Path, typer.Argument(help="A bundle folder (its model_weights.pth), or a file in a bundle.")],
    data: Annotated[
        str, typer.Option("--data", "--data_dir", "--data-dir", help="ferplus:DIR, affectnet:DIR or folder:DIR.")
    ],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    limit: Annotated[int, typer.Option(min=0, help="Measure on so many images, drawn at random; 0: all.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file as well.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Measure a model file on a labelled data set: .pth, .pt, .onnx or .tflite, each in its own runtime.

    Example: edge-train evaluate runs/train/bundle --data ferplus:/data/ferplus
    """
    import numpy as np

    from train.data.opening import open_split
    from train.evaluation import evaluate_file, text

    samples = open_split(data, split)
    if limit and limit < len(samples):
        samples = samples.take(np.sort(np.random.default_rng(0).permutation(len(samples))[:limit]))
    evaluation, name = evaluate_file(model, samples, device)
    typer.echo(f"model     {name}")
    typer.echo(text(evaluation))
    if json_file:
        import json

        from edge.files import write_atomically

        write_atomically(json_file, json.dumps({"model": name, **evaluation.record()}, indent=2).encode() + b"\n")


@app.command()
@guarded
def crop(
    data: Annotated[str, typer.Option("--data", help="ferplus:DIR, affectnet:DIR or folder:DIR.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
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


def main() -> None:
    """Entry point of ``edge-train``."""
    app()
