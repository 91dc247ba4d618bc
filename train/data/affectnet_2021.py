"""AffectNet as it was given out in 2021: ``train_set`` and ``val_set``, faces cropped already, one number a file.

``{train_set,val_set}/images/{id}.jpg`` and ``annotations/{id}_exp.npy``, ``_val.npy``, ``_aro.npy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edge.errors import EdgeError
from train.data.findings import Fault
from train.data.samples import MissingSplitError
from train.data.table import Table

SPLITS = {"train": "train_set", "validation": "val_set"}
_KINDS = ("exp", "val", "aro")
#: Ids a thread takes at a time; threads hide the waiting for a network drive.
_BLOCK = 512


def is_2021(root: Path) -> bool:
    """Say whether ``root`` has this layout, one split of it at least."""
    return any((root / name / "annotations").is_dir() for name in SPLITS.values())


def read_2021(root: Path, split: str) -> Table:
    """Read the annotations of a split; an image whose numbers are missing or damaged becomes a fault.

    Raises:
        EdgeError: the split is missing, or has no annotation at all.
    """
    folder = root / SPLITS[split]
    annotations = folder / "annotations"
    if not annotations.is_dir():
        raise MissingSplitError(f"{annotations} is missing; restore AffectNet's {SPLITS[split]}")
    ids = sorted(
        {path.name.rpartition("_")[0] for path in annotations.glob("*_*.npy")}, key=lambda name: (len(name), name)
    )
    if not ids:
        raise EdgeError(f"{annotations}: no annotated image, no file {{id}}_exp.npy")

    def read(start: int) -> list[list[float] | Fault]:
        return [_numbers(annotations, name) for name in ids[start : start + _BLOCK]]

    with ThreadPoolExecutor(8) as pool:
        rows = [row for block in pool.map(read, range(0, len(ids), _BLOCK)) for row in block]
    good = [(name, row) for name, row in zip(ids, rows, strict=True) if not isinstance(row, Fault)]
    return Table.of(
        paths=[folder / "images" / f"{name}.jpg" for name, _ in good],
        numbers=[row for _, row in good],
        faults=[row for row in rows if isinstance(row, Fault)],
    )


def _numbers(annotations: Path, name: str) -> list[float] | Fault:
    values = []
    for kind in _KINDS:
        path = annotations / f"{name}_{kind}.npy"
        try:
            values.append(_scalar(path))
        except FileNotFoundError:
            return Fault(path, "annotation is missing")
        except (OSError, ValueError, TypeError, EOFError) as error:
            return Fault(path, f"annotation is not a single number ({error})")
    return values


def _scalar(path: Path) -> float:
    """Read one number from an .npy file; AffectNet stores some as strings. Nothing in it is executed."""
    stored = np.load(path, allow_pickle=False)
    if stored.size != 1:
        raise ValueError(f"shape {_shape(stored.shape)}")
    return float(stored.reshape(-1)[0])


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
