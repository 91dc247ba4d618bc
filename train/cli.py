"""``edge-train``: train a network, or measure one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from edge.terminal import app_for, guarded

if TYPE_CHECKING:
    from train.data.samples import Samples

Data = Annotated[
    str,
    typer.Option(
        "--data", "--data_dir", "--data-dir", help="ferplus:DIR, affectnet:DIR, folder:DIR or kaggle:OWNER/NAME."
    ),
]
Classes = Annotated[str, typer.Option(help="Only these classes, in this order: happiness,sadness,... (commas).")]
NumClasses = Annotated[int, typer.Option(min=0, help="The first so many emotions (7: without contempt); 0: all.")]
ClassOrder = Annotated[str, typer.Option(help="What class numbers mean: name,name,... the smallest number's first.")]

app = app_for("edge-train", "Train a two-head emotion network (8 emotions; valence and arousal).")


@app.callback(invoke_without_command=True)
@guarded
def train(
    context: typer.Context,
    data: Data = "",
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
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step, over all devices.")] = 64,
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
    classes: Classes = "",
    num_classes: NumClasses = 0,
    class_order: ClassOrder = "",
    hold_out: Annotated[
        float,
        typer.Option(min=0, max=0.5, help="Share of the training images to choose the best epoch on; 0: validation."),
    ] = 0.0,
    max_damaged: Annotated[
        float, typer.Option(min=0, max=1, help="Share of images that may be damaged; they are skipped and listed.")
    ] = 0.01,
    devices: Annotated[int, typer.Option(min=1, help="Train on so many GPUs (or CPU processes) at once.")] = 1,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Repeatable sums on a GPU too; slower. A CPU's are.")
    ] = False,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0, help="Write last.ckpt every so often within an epoch; 0: at its end.")
    ] = 0.0,
    keep_every: Annotated[int, typer.Option(min=0, help="Keep epoch-010.ckpt and so on, each N epochs; 0: none.")] = 0,
    max_minutes: Annotated[float, typer.Option(min=0, help="Stop in time, ready for --resume; 0: never.")] = 0.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/last.ckpt.")] = False,
    resume_from: Annotated[
        Path | None, typer.Option(help="Go on from this checkpoint of the run in OUT, for example OUT/best.ckpt.")
    ] = None,
) -> None:
    """Train a network; without a subcommand, that is what edge-train does.

    Example: edge-train --data ferplus:/data/ferplus --gray --image-size 96 --source-size 48 --epochs 30
    """
    if context.invoked_subcommand:
        return
    from edge.errors import EdgeError

    if not data:
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
    from train.processes import launch, place

    if devices > 1 and place().world == 1:
        raise typer.Exit(launch(devices, sys.argv[1:]))
    from edge.bundle import Crop
    from train.module import Options
    from train.run import Precision, Run, fit
    from train.splits import Choice

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
            choice=Choice(classes, num_classes, class_order, hold_out, max_damaged),
            keep_every=keep_every,
            checkpoint_minutes=checkpoint_minutes,
            max_minutes=max_minutes,
            deterministic=deterministic,
            dropout=dropout,
            sampler=sampler,
            sampler_power=sampler_power,
            teachers=tuple(teacher or ()),
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
        resume_from=resume_from,
    )
    typer.echo(f"bundle written: {folder}")
    typer.echo(f"next: edge-quantize {folder}")


@app.command("evaluate")
@guarded
def evaluate_command(
    model: Annotated[Path, typer.Argument(help="A bundle folder (its model_weights.pth), or a file in a bundle.")],
    data: Data,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
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


@app.command("calibrate")
@guarded
def calibrate_command(
    model: Annotated[Path, typer.Argument(help="A bundle folder (its checkpoint is run), or a file in a bundle.")],
    data: Annotated[
        str, typer.Option("--data", "--data_dir", "--data-dir", help="ferplus:DIR, affectnet:DIR or folder:DIR.")
    ],
    split: Annotated[str, typer.Option(help="Images the network was not trained on.")] = "validation",
    limit: Annotated[int, typer.Option(min=0, help="Fit on so many images, drawn at random; 0: all.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Fit a bundle's temperature, so that its probabilities mean what they say; only the config changes.

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


@app.command()
@guarded
def crop(
    data: Data,
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


@app.command("inspect")
@guarded
def inspect_command(
    data: Annotated[str, typer.Argument(help="ferplus:DIR, affectnet:DIR, folder:DIR or kaggle:OWNER/NAME.")],
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


def main() -> None:
    """Entry point of ``edge-train``."""
    app()
