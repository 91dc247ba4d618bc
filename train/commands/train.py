"""``edge-train`` without a subcommand: train a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from edge.terminal import guarded, under
from train.commands.options import (
    AUGMENTATION,
    DATA,
    LEARNING,
    MACHINE,
    NETWORK,
    RARE,
    RUN,
    TEACHERS,
    Classes,
    ClassOrder,
    Data,
    NumClasses,
)


@guarded
def train(
    context: typer.Context,
    data: Data = "",
    classes: Classes = "",
    num_classes: NumClasses = 0,
    class_order: ClassOrder = "",
    hold_out: Annotated[
        float,
        under(DATA, min=0, max=0.5, help="Share of the training images to choose the best epoch on; 0: validation."),
    ] = 0.0,
    max_damaged: Annotated[
        float, under(DATA, min=0, max=1, help="Share of images that may be damaged; they are skipped and listed.")
    ] = 0.01,
    limit: Annotated[int, under(DATA, min=0, help="Use at most so many training images; 0: all.")] = 0,
    source_size: Annotated[
        int | None, under(DATA, min=8, help="Side of the training pictures where smaller than the input (FER+: 48).")
    ] = None,
    gray: Annotated[bool, under(DATA, "--gray", help="Train on luma; colour is removed inside the network.")] = False,
    crop_scale: Annotated[float, under(DATA, min=0.5, max=3, help="Runtime crop: side in face-box sides.")] = 1.0,
    crop_shift: Annotated[float, under(DATA, min=-1, max=1, help="Runtime crop: shift down in face-box sides.")] = 0.0,
    arch: Annotated[str, under(NETWORK, help="A torchvision network: mobilenet_v2, resnet18, ...")] = "mobilenet_v2",
    weights: Annotated[
        str,
        under(
            NETWORK,
            help="What training begins with: auto (ImageNet's where they can be had, else random), none (random), a "
            "torchvision name (DEFAULT, IMAGENET1K_V1, ...) or a bundle.",
        ),
    ] = "auto",
    image_size: Annotated[int, under(NETWORK, min=32, max=1024, help="Side of the network input, pixels.")] = 224,
    dropout: Annotated[
        float | None, under(NETWORK, min=0, max=0.9, help="Features dropped before the heads, instead of --arch's own.")
    ] = None,
    epochs: Annotated[int, under(LEARNING, min=1, help="Passes over the training split.")] = 50,
    patience: Annotated[int, under(LEARNING, min=0, help="Stop after so many epochs without progress; 0: never.")] = 10,
    batch_size: Annotated[int, under(LEARNING, min=1, help="Images a step, over all devices.")] = 64,
    lr: Annotated[float, under(LEARNING, help="Peak learning rate.")] = 1e-3,
    optimizer: Annotated[str, under(LEARNING, help="adam or adamw.")] = "adam",
    weight_decay: Annotated[float, under(LEARNING, min=0, help="Of adamw; biases and norms excepted.")] = 0.0,
    warmup: Annotated[
        float, under(LEARNING, min=0, max=0.9, help="Share of the run in which the rate rises; then it falls (cosine).")
    ] = 0.05,
    alpha: Annotated[float, under(LEARNING, min=0, help="Weight of the emotion loss.")] = 1.0,
    beta: Annotated[float, under(LEARNING, min=0, help="Weight of the valence/arousal loss.")] = 0.5,
    task_weights: Annotated[
        str, under(LEARNING, help="fixed, or uncertainty: learnt (Kendall 2018), beginning at alpha and beta.")
    ] = "fixed",
    va_loss: Annotated[
        str, under(LEARNING, help="Valence/arousal: mse, ccc (1 - concordance of a batch) or mse+ccc.")
    ] = "mse",
    label_smoothing: Annotated[
        float, under(LEARNING, min=0, max=0.5, help="Share of each target spread over all classes.")
    ] = 0.0,
    ema: Annotated[float, under(LEARNING, min=0, max=0.99999, help="Decay of averaged weights; 0: none.")] = 0.0,
    swa_start: Annotated[
        float,
        under(
            LEARNING,
            min=0,
            max=0.99,
            help="Share of epochs after which weights are averaged (SWA), e.g. 0.75; 0: none.",
        ),
    ] = 0.0,
    balance: Annotated[
        float, under(RARE, min=0, max=1, help="Weigh rare classes more: 0 not at all, 1 all classes the same in sum.")
    ] = 0.0,
    effective_number: Annotated[
        float,
        under(
            RARE,
            min=0,
            max=0.999999,
            help="Weigh classes by effective number (Cui 2019), e.g. 0.999; not with --balance.",
        ),
    ] = 0.0,
    sampler: Annotated[str, under(RARE, help="shuffle, or weighted: rare classes are drawn more often.")] = "shuffle",
    sampler_power: Annotated[
        float, under(RARE, min=0, max=1, help="How much more often: 1 all classes alike, 0.5 half way.")
    ] = 1.0,
    augment: Annotated[
        str, under(AUGMENTATION, help="none, standard (flip, 15 degrees), strong or randaugment.")
    ] = "standard",
    rotation: Annotated[
        float | None, under(AUGMENTATION, min=0, max=180, help="Largest turn in degrees, instead of --augment's.")
    ] = None,
    erase: Annotated[
        float | None,
        under(AUGMENTATION, min=0, max=1, help="Share of images with a rectangle erased, instead of --augment's."),
    ] = None,
    mixup: Annotated[
        float, under(AUGMENTATION, min=0, max=10, help="Blend images: Beta(a, a), e.g. 0.2; 0: none.")
    ] = 0.0,
    teacher: Annotated[
        list[str] | None, under(TEACHERS, help="Learn from this bundle's answers too; give several for their mean.")
    ] = None,
    distill_weight: Annotated[
        float, under(TEACHERS, min=0, max=1, help="Share of the loss that is the teacher's.")
    ] = 0.7,
    distill_temperature: Annotated[
        float, under(TEACHERS, min=0.1, max=100, help="Soften teacher's and student's answers before comparing them.")
    ] = 1.0,
    teacher_flips: Annotated[
        bool,
        under(TEACHERS, "--teacher-flips/--no-teacher-flips", help="The teacher answers for picture and mirror image."),
    ] = True,
    out: Annotated[Path, under(RUN, help="Run folder: checkpoints, figures, the bundle.")] = Path("runs/train"),
    resume: Annotated[bool, under(RUN, "--resume", help="Go on from OUT/last.ckpt.")] = False,
    resume_from: Annotated[
        Path | None, under(RUN, help="Go on from this checkpoint of the run in OUT, for example OUT/best.ckpt.")
    ] = None,
    checkpoint_minutes: Annotated[
        float, under(RUN, min=0, help="Write last.ckpt every so often within an epoch; 0: at its end.")
    ] = 0.0,
    keep_every: Annotated[int, under(RUN, min=0, help="Keep epoch-010.ckpt and so on, each N epochs; 0: none.")] = 0,
    max_minutes: Annotated[float, under(RUN, min=0, help="Stop in time, ready for --resume; 0: never.")] = 0.0,
    seed: Annotated[int, under(RUN, help="Of every random number: the same seed, the same run.")] = 0,
    deterministic: Annotated[
        bool, under(RUN, "--deterministic", help="Repeatable sums on a GPU too; slower. A CPU's are.")
    ] = False,
    device: Annotated[str, under(MACHINE, help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, under(MACHINE, min=1, help="Train on so many GPUs (or CPU processes) at once.")] = 1,
    precision: Annotated[str, under(MACHINE, help="32-true, 16-mixed or bf16-mixed.")] = "32-true",
    workers: Annotated[int, under(MACHINE, min=0, help="Processes that read images.")] = 0,
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
        resume_from=resume_from,
    )
    typer.echo(f"bundle written: {folder}")
    typer.echo(f"next: edge-quantize {folder}")
