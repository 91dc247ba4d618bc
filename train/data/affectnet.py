"""AffectNet (Mollahosseini et al. 2017) in its two official layouts. Users bring it; it may not be passed on.

2021: ``train_set`` and ``val_set`` with ``images/{id}.jpg``, cropped already, and ``annotations/{id}_exp.npy``,
``_val.npy``, ``_aro.npy``.
2017: ``training.csv`` and ``validation.csv`` beside ``Manually_Annotated_Images/``, with a face box in each row.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.samples import Samples

LICENCE = "AffectNet: research use only, may not be passed on (see its licence agreement)"

_SPLITS_2021 = {"train": "train_set", "validation": "val_set"}
_SPLITS_2017 = {"train": "training.csv", "validation": "validation.csv"}
_IMAGES_2017 = "Manually_Annotated_Images"
_NOT_ANNOTATED = -2.0


def is_affectnet(root: Path) -> bool:
    """Say whether ``root`` has one of AffectNet's official layouts."""
    return _has_2021(root) or _has_2017(root)


def read_affectnet(root: Path, split: str) -> Samples:
    """Read one split (``"train"`` or ``"validation"``) of AffectNet.

    Ids 0..7 are the labels of ``edge.labels.LABELS``, in their order; None, Uncertain and No-Face (8..10) are dropped.
    Valence and arousal of -2 mean "not annotated" and become NaN.

    Raises:
        EdgeError: no such split, neither layout, or a damaged annotation (the message names the file).
    """
    if split not in _SPLITS_2021:
        raise EdgeError(f"AffectNet has no public split {split!r}; use train or validation")
    if _has_2021(root):
        paths, boxes, expression, affect = _read_2021(root / _SPLITS_2021[split])
    elif _has_2017(root):
        paths, boxes, expression, affect = _read_2017(root, root / _SPLITS_2017[split])
    else:
        raise EdgeError(
            f"{root}: neither train_set/ and val_set/ (AffectNet 2021) nor training.csv and {_IMAGES_2017}/ (2017)"
        )
    if not paths:
        raise EdgeError(f"{root}: the {split} split has no annotated image")
    known = (expression >= 0) & (expression < len(LABELS))
    label = np.where(known, expression, -1)
    affect[affect <= _NOT_ANNOTATED] = np.nan
    samples = Samples(
        name=f"AffectNet {split}",
        paths=paths,
        distribution=np.eye(len(LABELS), dtype=np.float32)[np.maximum(label, 0)],
        label=label,
        valence_arousal=affect,
        licence=LICENCE,
        boxes=boxes,
    )
    return samples.labelled()


Table = tuple[list[Path], NDArray[np.int64] | None, NDArray[np.int64], NDArray[np.float32]]


def _has_2021(root: Path) -> bool:
    return all((root / name / "annotations").is_dir() for name in _SPLITS_2021.values())


def _has_2017(root: Path) -> bool:
    return any((root / name).is_file() for name in _SPLITS_2017.values()) and (root / _IMAGES_2017).is_dir()


def _read_2021(folder: Path) -> Table:
    ids = sorted(
        (path.name.removesuffix("_exp.npy") for path in (folder / "annotations").glob("*_exp.npy")),
        key=lambda name: (len(name), name),
    )
    kinds = ("exp", "val", "aro")
    values = [[_scalar(folder / "annotations" / f"{name}_{kind}.npy") for kind in kinds] for name in ids]
    table = np.array(values, dtype=np.float32).reshape(-1, 3)
    paths = [folder / "images" / f"{name}.jpg" for name in ids]
    return paths, None, table[:, 0].astype(np.int64), np.ascontiguousarray(table[:, 1:])


def _scalar(path: Path) -> float:
    """Read one number from an .npy file; AffectNet stores some as strings."""
    try:
        return float(np.load(path, allow_pickle=False).item())
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise EdgeError(f"{path}: missing or not a single number; restore AffectNet's annotations") from error


def _read_2017(root: Path, table: Path) -> Table:
    if not table.is_file():
        raise EdgeError(f"{table} is missing; restore AffectNet's annotation tables")
    paths: list[Path] = []
    boxes: list[list[int]] = []
    numbers: list[list[float]] = []
    with table.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                box = [int(float(row[f"face_{name}"])) for name in ("x", "y", "width", "height")]
                number = [float(row[name]) for name in ("expression", "valence", "arousal")]
                paths.append(root / _IMAGES_2017 / row["subDirectory_filePath"])
            except (KeyError, TypeError, ValueError) as error:
                raise EdgeError(f"{table}:{line}: damaged row ({error}); restore AffectNet's tables") from error
            boxes.append(box)
            numbers.append(number)
    values = np.array(numbers, dtype=np.float32).reshape(-1, 3)
    return (
        paths,
        np.array(boxes, dtype=np.int64).reshape(-1, 4),
        values[:, 0].astype(np.int64),
        np.ascontiguousarray(values[:, 1:]),
    )
