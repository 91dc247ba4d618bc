"""``edge-quantize convert``: what users have already becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.terminal import guarded, under

if TYPE_CHECKING:
    from edge.bundle import Config
    from quantize.convert.facts import Facts
    from quantize.convert.outputs import Named

INPUT = "What the network takes"
OUTPUTS = "What it gives"
FINDING = "Finding it in the file"
CARD = "For the config and the card"


@guarded
def convert(
    source: Annotated[Path, typer.Argument(help="A state dict or checkpoint (.pth .pt .ckpt), or an .onnx file.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle: new, or empty.")],
    labels: Annotated[
        str | None,
        under(
            OUTPUTS,
            help="The emotions in the order of the outputs: neutral,happiness,... or a published order: affectnet8, "
            "affectnet7, ferplus8, fer7, alphabetical8, alphabetical7. Asked for, never guessed.",
        ),
    ] = None,
    logits: Annotated[str | None, under(OUTPUTS, help=".onnx: the output with a raw number an emotion.")] = None,
    probabilities: Annotated[
        str | None, under(OUTPUTS, help=".onnx: the output with a probability an emotion; its logarithm is taken.")
    ] = None,
    valence_arousal: Annotated[
        str | None,
        under(
            OUTPUTS,
            help=".onnx: the output with valence and arousal; NAME,NAME where they are two; the emotions' output where "
            "they are its last two numbers; or none.",
        ),
    ] = None,
    tanh: Annotated[
        bool,
        under(
            OUTPUTS,
            "--tanh",
            help="Put tanh over valence and arousal. .pth: right where the network's own code does it; .onnx: for raw "
            "values, which are cut at -1 and 1 without it.",
        ),
    ] = False,
    size: Annotated[
        int | None, under(INPUT, min=8, help="Side of the pictures it was taught on, pixels; many .onnx files say it.")
    ] = None,
    normalisation: Annotated[
        str | None,
        under(
            INPUT,
            help="imagenet, zero-one (pixel / 255), minus-one-one (pixel / 127.5 - 1) or raw (0..255). Default: .pth "
            "imagenet; .onnx: asked for.",
        ),
    ] = None,
    mean: Annotated[
        str | None, under(INPUT, help="Instead: one number or three, in the order of the network's channels.")
    ] = None,
    std: Annotated[str | None, under(INPUT, help="With --mean: (pixel / scale - mean) / std.")] = None,
    scale: Annotated[float | None, under(INPUT, min=1e-6, help="With --mean: 255 (default) or 1.")] = None,
    gray: Annotated[bool, under(INPUT, "--gray", help="Taught on gray pictures: colour becomes luma inside.")] = False,
    bgr: Annotated[
        bool, under(INPUT, "--bgr", help="Its channels are blue, green, red, as OpenCV reads them.")
    ] = False,
    layout: Annotated[
        str | None, under(INPUT, help=".onnx: nchw or nhwc, where the input's shape does not show it.")
    ] = None,
    crop_scale: Annotated[float, under(INPUT, min=0.5, max=3, help="Crop: side in face-box sides.")] = 1.0,
    crop_shift: Annotated[float, under(INPUT, min=-1, max=1, help="Crop: shift down in face-box sides.")] = 0.0,
    source_size: Annotated[
        int | None, under(INPUT, min=8, help="Side of the training pictures where smaller than the input (FER: 48).")
    ] = None,
    arch: Annotated[
        str | None,
        under(FINDING, help=".pth: a torchvision network; default: found by its tensors' names and shapes."),
    ] = None,
    prefix: Annotated[
        str, under(FINDING, help=".pth: what the tensors' names begin with, where a file holds several networks.")
    ] = "",
    name: Annotated[str | None, under(CARD, help="Of the model; default: of the file.")] = None,
    training_data: Annotated[str | None, under(CARD, help="What it was taught on.")] = None,
    licence: Annotated[str | None, under(CARD, help="What the owner of that data allows.")] = None,
    affect_source: Annotated[
        str | None, under(CARD, help="What taught valence and arousal: AffectNet's annotations, weak: ..., ...")
    ] = None,
) -> None:
    """Turn a network you have already into a bundle: a bare PyTorch checkpoint, or an .onnx file.

    A .pth holds a torchvision network and one linear classifier (of C emotions,
    or C + 2 outputs: valence and arousal come last), or two linear heads. Only
    tensors are read.

    An .onnx holds any network: it is wrapped to take pixels, and must answer as
    before.

    What a file can't tell is asked for: with wrong labels or a wrong
    normalisation a network runs, and is wrong where nobody sees it. At the end
    stands what it reads in two portraits.

    For example: edge-quantize convert resnet18_fer.pth --labels fer7 --size 48
    --gray --out bundle

    edge-quantize convert last.ckpt --labels affectnet8 --size 224 --tanh --out
    bundle

    edge-quantize convert theirs.onnx --labels alphabetical8 --normalisation
    imagenet --out bundle
    """
    from edge.bundle import Crop
    from edge.errors import EdgeError
    from quantize.convert.facts import Facts
    from quantize.convert.labels import parse_labels
    from quantize.convert.normalisation import parse_normalisation
    from quantize.convert.output import check_free
    from quantize.convert.outputs import Named

    onnx = source.suffix.lower() == ".onnx"
    if not source.is_file():
        raise EdgeError(f"{source} is no file; give a .pth, .ckpt or .onnx (a bundle's folder needs no converting)")
    if not onnx and source.suffix.lower() not in (".pth", ".pt", ".ckpt", ".bin", ".tar"):
        raise EdgeError(f"{source}: .pth, .pt, .ckpt and .onnx files can be converted, {source.suffix or 'this'} can't")
    ours: dict[str, object] = {"--arch": arch, "--prefix": prefix}
    theirs: dict[str, object] = {
        "--logits": logits,
        "--probabilities": probabilities,
        "--valence-arousal": valence_arousal,
        "--layout": layout,
    }
    misplaced = [option for option, value in (ours if onnx else theirs).items() if value]
    if misplaced:
        raise EdgeError(f"{misplaced[0]} is for {'.pth' if onnx else '.onnx'} files; leave it out")
    check_free(out)
    said = {"training_data": training_data, "licence": licence, "affect_source": affect_source}
    facts = Facts(
        labels=None if labels is None else parse_labels(labels),
        size=size,
        gray=gray,
        bgr=bgr,
        normalisation=parse_normalisation(normalisation, mean, std, scale, bgr),
        tanh=tanh,
        crop=Crop(scale=crop_scale, shift_y=crop_shift, source_size=source_size),
        name=name or source.stem,
        **{key: value for key, value in said.items() if value},
    )
    if onnx:
        _convert_onnx(source, facts, Named(logits, probabilities, valence_arousal), layout, out)
    else:
        _convert_checkpoint(source, facts, arch, prefix, out)


def _convert_checkpoint(source: Path, facts: Facts, arch: str | None, prefix: str, out: Path) -> None:
    from quantize.convert.bundle import write_checkpoint
    from quantize.convert.checkpoint import convert_checkpoint

    checkpoint = convert_checkpoint(source, facts, arch, prefix)
    portraits = write_checkpoint(checkpoint, source, out)
    _tell(checkpoint.found, checkpoint.config, portraits)
    typer.echo(f"bundle: {out}; next: edge-quantize {out} --data KIND:DIR")


def _convert_onnx(source: Path, facts: Facts, named: Named, layout: str | None, out: Path) -> None:
    from quantize.convert.bundle import write_onnx
    from quantize.convert.onnx import convert_onnx

    wrapped = convert_onnx(source, facts, named, layout)
    portraits, worst = write_onnx(wrapped, source, out)
    _tell(wrapped.found, wrapped.config, portraits)
    typer.echo(f"answers as the original within {worst:.1e} on {len(wrapped.images)} crops of the portraits")
    typer.echo(f"bundle: {out}; next: edge-quantize {out} --data KIND:DIR")


def _tell(found: dict[str, str], config: Config, portraits: str) -> None:
    mean, std = (" ".join(f"{value:.4g}" for value in row) for row in (config.input.mean, config.input.std))
    rows = {
        **found,
        "labels": ", ".join(config.labels),
        "input": f"{config.input.size} px {config.input.color}, (pixel / 255 - mean {mean}) / std {std}",
        "crop": f"{config.crop.scale:g} face boxes, shifted {config.crop.shift_y:g}",
        "valence": config.training.valence_arousal,
        "portraits": portraits,
    }
    for aspect, text in rows.items():
        typer.echo(f"{aspect:<10} {text}")
