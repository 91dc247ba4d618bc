"""Every file of a bundle on the same images, each in its own runtime."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.bundle import FILE_NAMES, Bundle, Precision, read_bundle
from edge.engines import load_engine
from edge.errors import EdgeError
from edge.metrics import accuracy
from train.data.samples import Samples
from train.evaluation import Evaluation, measure
from train.predictions import Predictions, predict_split


@dataclasses.dataclass(frozen=True)
class Row:
    """One file.

    Attributes:
        file: its name.
        precision: of its weights.
        evaluation: its figures; None where it could not be run.
        agreement: share of the images on which its top class is the checkpoint's; None for the checkpoint itself, and
            where none was measured.
        problem: why it could not be run.
    """

    file: str
    precision: Precision
    evaluation: Evaluation | None = None
    agreement: float | None = None
    problem: str | None = None

    def record(self) -> dict[str, Any]:
        """The row, ready for JSON."""
        figures = self.evaluation.record() if self.evaluation else None
        return {**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, "evaluation": figures}


def compare(
    model: Path,
    samples: Samples,
    device: str = "cpu",
    mirror: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Measure every file of a bundle, the checkpoint first; one that cannot be run becomes a row that says why.

    Args:
        model: the bundle's folder.
        samples: the split.
        device: ``"cpu"`` or ``"cuda"``; files whose runtime cannot use it are not run.
        mirror: answer with the mean of picture and mirror image.
        say: told which file is being measured.

    Raises:
        EdgeError: no bundle, not one file that could be run, or an unreadable image.
    """
    if not model.is_dir():
        raise EdgeError(f"--all {model}: no bundle folder; name the folder, not a file in it")
    bundle = read_bundle(model)
    known = {name: position for position, name in enumerate(FILE_NAMES.values())}
    names = sorted(bundle.config.files, key=lambda name: (known.get(name, len(known)), name))
    reference: Predictions | None = None
    rows = []
    for name in names:
        say(name)
        entry = bundle.config.files[name]
        predictions = _run(bundle, name, samples, device, mirror)
        if isinstance(predictions, str):
            rows.append(Row(name, entry.precision, problem=predictions))
            continue
        same = None if reference is None else float(accuracy(reference.predicted, predictions.predicted))
        rows.append(Row(name, entry.precision, measure(predictions), same))
        if entry.format == "pth" and reference is None:
            reference = predictions
    if not any(row.evaluation for row in rows):
        reason = f"; {rows[0].file}: {rows[0].problem}" if rows else ""
        raise EdgeError(f"{model}: no file could be measured{reason}")
    return rows


def _run(bundle: Bundle, name: str, samples: Samples, device: str, mirror: bool) -> Predictions | str:
    """Return a file's predictions, or why it cannot be run. What is wrong with the images is raised."""
    try:
        engine = load_engine(bundle.path(name), bundle.config, device)
    except EdgeError as error:
        return str(error)
    try:
        return predict_split(engine, bundle.config, samples, mirror)
    finally:
        engine.close()
