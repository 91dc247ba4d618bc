"""Make the files, hold each to its gate, and put what passed into the bundle."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from edge.bundle import Bundle, File, Metrics, describe_file, write_config
from edge.card import write_card
from edge.errors import EdgeError
from edge.files import replacing
from edge.golden import read_images
from quantize.exporters import EXPORTERS, Made, Options, Workbench
from quantize.fingerprint import fingerprint
from quantize.formats import Target
from quantize.gate import Limits, judge
from quantize.goldens import record_goldens, recorded_outputs
from quantize.images import Images
from quantize.int8.recipe import recorded
from quantize.parity import Comparison, Reference, compare
from quantize.source import Source


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one target.

    Attributes:
        target: the file that was to be made.
        status: as in :class:`quantize.record.Row`.
        problem: why it is not in the bundle, in one line; None when it is.
        size: bytes; None where nothing was written.
        seconds: making and comparing took.
        comparison: None where nothing could be compared.
        made: how; None where it was not.
    """

    target: Target
    status: Literal["made", "kept", "failed", "refused"]
    problem: str | None = None
    size: int | None = None
    seconds: float | None = None
    comparison: Comparison | None = None
    made: Made | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        source: the checkpoint.
        images: of the run.
        reference: the checkpoint's answers to the comparison images.
        targets: what to make.
        options: how int8 is made.
        limits: of the gate.
        refused: by target name, why it is not even tried.
        fresh: make also what an earlier run has made from the same.
        strict: the first failure ends the run.
        say: told what is being done.
    """

    source: Source
    images: Images
    reference: Reference
    targets: Sequence[Target]
    options: Options
    limits: Limits
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    fresh: bool = False
    strict: bool = False
    say: Callable[[str], None] = lambda line: None


def quantize(job: Job, output: Bundle, folder: Path) -> tuple[Bundle, Workbench, list[Outcome]]:
    """Make every target; what passes its gate is put into the bundle at once, what does not is kept out.

    A run that is killed leaves a valid bundle: the files that were finished, each with its entry. The next run keeps
    those that it would make the same.

    Args:
        job: what to do.
        output: the bundle to extend; files it lists already stay, those made here are replaced.
        folder: for intermediate files.

    Returns:
        The bundle as it is then, what the exporters made on their way, and one outcome a target, in order.
    """
    _sweep(output.folder)
    output = _recorded(output, job.source.checkpoint, job.reference.metrics())
    output = record_goldens(output, job.source.run)
    bench = Workbench(job.source, job.images, job.options, folder, job.say)
    images = job.images.digest()
    outcomes = []
    for target in job.targets:
        if target.name in job.refused:
            outcomes.append(Outcome(target, "refused", job.refused[target.name]))
            continue
        made_from = _made_from(job, target, images)
        kept = None if job.fresh else _kept(output, target, made_from)
        if kept is not None:
            job.say(f"{target.file}: made before from the same, kept")
            outcomes.append(
                Outcome(target, "kept", size=kept.size, made=Made(kept.quantization, recorded(kept.quantization)))
            )
            continue
        job.say(f"{target.file}: exporting and comparing")
        outcome = _made(target, bench, job)
        if outcome.status == "made":
            output = _installed(output, outcome, bench.folder / target.file, made_from)
        outcomes.append(outcome)
        if job.strict and outcome.status == "failed":
            break
    write_card(output)
    return output, bench, outcomes


def _made_from(job: Job, target: Target, images: str) -> str:
    """Fingerprint of what a target would be made from and judged by."""
    entry = job.source.bundle.config.files[job.source.checkpoint]
    quantized = target.precision in ("int8", "integer")
    options = {"limits": dataclasses.asdict(job.limits)}
    if quantized:
        options["int8"] = dataclasses.asdict(job.options)
    return fingerprint(job.source.bundle.config, entry.sha256, target.name, images, **options)


def _kept(bundle: Bundle, target: Target, made_from: str) -> File | None:
    """The entry of a file that is there, undamaged, and made from the same; else None."""
    entry = bundle.config.files.get(target.file)
    if entry is None or entry.made_from != made_from or entry.outputs is None:
        return None
    try:
        bundle.path(target.file)
    except EdgeError:
        return None
    return entry


def _made(target: Target, bench: Workbench, job: Job) -> Outcome:
    path = bench.folder / target.file
    began = time.monotonic()
    try:
        made = EXPORTERS[target.name](bench, path)
        comparison = compare(path, bench.config, job.reference)
        problem = judge(path, bench.config, target.precision, comparison, job.limits)
    except Exception as error:  # five converters, each with its own exceptions; the other formats must go on
        size = path.stat().st_size if path.exists() else None
        lines = f"{type(error).__name__}: {error}".splitlines() if not isinstance(error, EdgeError) else [str(error)]
        return Outcome(target, "failed", f"could not be made: {lines[0][:200]}", size, time.monotonic() - began)
    status: Literal["made", "failed"] = "made" if problem is None else "failed"
    return Outcome(target, status, problem, path.stat().st_size, time.monotonic() - began, comparison, made)


def _installed(bundle: Bundle, outcome: Outcome, path: Path, made_from: str) -> Bundle:
    """Move a file into a bundle. At no moment does the config on disk describe another file than the one beside it."""
    target, comparison, made = outcome.target, outcome.comparison, outcome.made
    assert comparison is not None and made is not None
    outputs = recorded_outputs(path, bundle.config, read_images(bundle))
    others = {name: file for name, file in bundle.config.files.items() if name != target.file}
    if len(others) != len(bundle.config.files):
        write_config(bundle.folder, msgspec.structs.replace(bundle.config, files=others))
    with replacing(bundle.folder / target.file) as temporary:
        shutil.copyfile(path, temporary)
    entry = msgspec.structs.replace(
        describe_file(bundle.folder / target.file, target.format, target.precision),
        metrics=(comparison.metrics,) if comparison.metrics else (),
        parity=comparison.parity,
        quantization=made.quantization,
        outputs=outputs,
        tolerance=made.tolerance,
        made_from=made_from,
    )
    return _with_files(bundle, {**bundle.config.files, target.file: entry})


def _recorded(bundle: Bundle, checkpoint: str, figures: tuple[Metrics, ...]) -> Bundle:
    """Add the checkpoint's own figures on the comparison images to its entry, beside what training wrote."""
    entry = bundle.config.files[checkpoint]
    renewed = {metrics.data for metrics in figures}
    kept = tuple(metrics for metrics in entry.metrics if metrics.data not in renewed)
    return _with_files(
        bundle, {**bundle.config.files, checkpoint: msgspec.structs.replace(entry, metrics=(*kept, *figures))}
    )


def _with_files(bundle: Bundle, files: dict[str, File]) -> Bundle:
    config = msgspec.structs.replace(bundle.config, files=files)
    write_config(bundle.folder, config)
    return Bundle(bundle.folder, config)


def _sweep(folder: Path) -> None:
    """Remove what a killed run was writing: hidden files named as :func:`edge.files.replacing` names them."""
    for path in folder.glob(".model*"):
        if path.is_file() and time.time() - path.stat().st_mtime > 1:
            path.unlink(missing_ok=True)


def workspace() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for intermediate files, gone at the end of its block."""
    return tempfile.TemporaryDirectory(prefix="edge-quantize-")
