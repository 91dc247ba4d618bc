"""``edge-quantize make``, which is what ``edge-quantize SOURCE`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from edge.errors import EdgeError
from edge.terminal import guarded, under

if TYPE_CHECKING:
    from quantize.formats import Target
    from quantize.int8.recipe import RecipeName
    from quantize.source import Source

IMAGES = "Images"
INT8 = "int8"
GATE = "The gate: what may be lost"
RUN = "The run"

#: Steps of ``--qat``.
TUNED_STEPS = 600


@guarded
def make(
    source: Annotated[Path, typer.Argument(help="A bundle folder, or the model_weights.pth in one.")],
    out: Annotated[Path | None, under(RUN, help="Folder for the files; default: the bundle's own.")] = None,
    formats: Annotated[
        list[str] | None,
        under(
            RUN,
            help="torchscript, onnx, keras, tflite, tflite-float16, tflite-dynamic, onnx-int8, tflite-int8, "
            "tflite-integer; repeat or list. Default: all but tflite-integer, which is for accelerators.",
        ),
    ] = None,
    image_size: Annotated[
        int | None, under(RUN, min=32, help="Make the files for another input size, pixels; needs --out.")
    ] = None,
    strict: Annotated[bool, under(RUN, "--strict", help="The first file that fails ends the run.")] = False,
    fresh: Annotated[
        bool, under(RUN, "--fresh", help="Make everything anew, also what an earlier run made from the same.")
    ] = False,
    report: Annotated[
        Path | None, under(RUN, help="Folder for report.html and report.json; default: the bundle's.")
    ] = None,
    data: Annotated[
        str | None,
        under(IMAGES, "--data", "--data_dir", "--data-dir", help="ferplus:DIR, affectnet:DIR or folder:DIR."),
    ] = None,
    images: Annotated[
        int, under(IMAGES, min=0, help="Labelled validation images to compare and measure on; 0: all.")
    ] = 1000,
    calibration: Annotated[
        int, under(IMAGES, min=1, help="Training images that int8 ranges are taken from, classes evenly.")
    ] = 512,
    seed: Annotated[int, under(IMAGES, help="Chooses the images.")] = 0,
    recipe: Annotated[
        str,
        under(
            INT8,
            help="fast: smallest and largest value met; balanced: ranges of least error, equalized, biases corrected; "
            "best: searched for on training images.",
        ),
    ] = "balanced",
    qat: Annotated[
        bool, under(INT8, "--qat", help=f"Fine-tune under rounding, {TUNED_STEPS} steps; minutes. best tries it.")
    ] = False,
    max_latency_ratio: Annotated[
        float | None, under(INT8, min=0.01, help="best: longest time, as a share of the float file's, e.g. 0.6.")
    ] = None,
    max_drop: Annotated[float, under(GATE, min=0, help="Points of accuracy that int8 may lose.")] = 0.5,
    min_agreement: Annotated[
        float, under(GATE, min=0, max=100, help="Percent of images on which int8 names the checkpoint's emotion.")
    ] = 97.0,
    max_affect: Annotated[
        float, under(GATE, min=0, help="Root mean squared change of valence and of arousal by int8.")
    ] = 0.05,
    max_class_drop: Annotated[
        float, under(GATE, min=0, max=100, help="Percent of one class's images that int8 may recognise less.")
    ] = 10.0,
) -> None:
    """Make files for other runtimes from a checkpoint, float and int8, and prove each against it.

    Every file is run in its own runtime on validation images. Float files must
    give the checkpoint's logits within 1e-4 (float16: 2 % of the largest). For
    int8 files see the panel on the gate: a loss counts where it is beyond the
    limit and its 95 % paired interval lies above zero. What fails is kept out
    of the bundle (exit code 1) and the rest goes on; model_config.json,
    MODEL_CARD.md, golden answers for edge-quantize verify, report.html and
    report.json are written beside the files. A run that was broken off goes on
    where it was: what is finished is kept.

    Example: edge-quantize runs/train/bundle --data ferplus:/data/ferplus

    Example: edge-quantize models --data ferplus:/data/ferplus --recipe best
    --max-drop 0.3 --max-latency-ratio 0.6
    """
    from quantize.formats import chosen

    targets = chosen(formats or [])
    if recipe not in ("fast", "balanced", "best"):
        raise EdgeError(f"--recipe {recipe}: use one of fast, balanced, best")
    if max_latency_ratio is not None and recipe != "best":
        raise EdgeError("--max-latency-ratio needs --recipe best, which looks for a file that is as fast")
    from quantize.exporters import Options
    from quantize.findings import report as measured
    from quantize.gate import Limits
    from quantize.images import choose
    from quantize.int8.search import Goal
    from quantize.parity import reference
    from quantize.pipeline import Job, quantize, workspace
    from quantize.report import write_report
    from quantize.source import open_output, open_source
    from quantize.table import show

    def say(line: str) -> None:
        typer.echo(line, err=True)

    loaded = open_source(source, image_size)
    output = open_output(loaded, out)
    config = loaded.bundle.config
    refused = _refused(loaded, targets, say)
    pictures = choose(data, config, images, calibration, seed)
    if qat and loaded.network is None:
        raise EdgeError("--qat needs a PyTorch checkpoint; this bundle has only an ONNX file")
    if qat and pictures.tuning is None:
        raise EdgeError("--qat needs training images: give --data KIND:DIR")
    if recipe == "best" and pictures.search is None:
        raise EdgeError("--recipe best chooses by labelled training images: give --data KIND:DIR")
    if pictures.notice:
        say(pictures.notice)
    steps = TUNED_STEPS if qat else 0
    job = Job(
        source=loaded,
        images=pictures,
        reference=reference(loaded.run, pictures.comparison, pictures.data, pictures.truth, config.labels),
        targets=targets,
        options=Options(cast("RecipeName", recipe), Goal(max_drop / 100, max_latency_ratio, steps), steps),
        limits=Limits(max_drop / 100, min_agreement / 100, max_affect, max_class_drop / 100),
        refused=refused,
        fresh=fresh,
        strict=strict,
        say=say,
    )
    with workspace() as folder:
        output, bench, outcomes = quantize(job, output, Path(folder))
        say("measuring times and layers for the report")
        found = measured(output, bench, outcomes, job.reference)
    place = report or output.folder
    write_report(found, place)
    show(found)
    typer.echo(f"compared on {pictures.data}; bundle: {output.folder}; report: {place / 'report.html'}")
    if any(outcome.problem for outcome in outcomes):
        raise typer.Exit(1)


def _refused(loaded: Source, targets: list[Target], say: Any) -> dict[str, str]:
    """Say which formats this network cannot have, before any work; by target name."""
    from quantize.export.support import refusal

    refused: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    for target in targets:
        if loaded.network is None:
            known = target.format == "onnx"
            reason = None if known else "only the ONNX file of this network is known"
        else:
            reason = refusal(loaded.network, target.format, target.precision)
        if reason:
            refused[target.name] = reason
            reasons.setdefault(reason, []).append(target.name)
    for reason, names in reasons.items():
        say(f"{reason}; skipping {', '.join(names)}")
    return refused
