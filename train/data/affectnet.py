"""AffectNet (Mollahosseini et al. 2017) in the three forms people have it in. Users bring it; it may not be passed on.

The official ones of 2017 and 2021 (:mod:`train.data.affectnet_2017`, :mod:`train.data.affectnet_2021`), and copies with
a folder a class (:mod:`train.data.mirror`). Which one it is, the folder itself tells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.affectnet_2017 import is_2017, read_2017
from train.data.affectnet_2021 import is_2021, read_2021
from train.data.class_folders import Naming, folders
from train.data.findings import Fault, Findings
from train.data.mirror import has_table, is_mirror, read_mirror
from train.data.samples import MissingSplitError, Samples
from train.data.table import Table

LICENCE = "AffectNet: research use only, may not be passed on (see its licence agreement)"

#: What ids 8, 9 and 10 mean; no emotion.
_DROPPED = {8: "None", 9: "Uncertain", 10: "No-Face"}
#: How many folders below the one given the data set may begin; a download wraps it in one or two.
_DEPTH = 3


def is_affectnet(root: Path) -> bool:
    """Say whether an official layout, or a copy with its table, lies in ``root`` or not far below."""
    place = find(root)
    return place is not None and (is_2021(place) or is_2017(place) or has_table(place))


def read_affectnet(root: Path, split: str, naming: Naming | None = None) -> Samples:
    """Read one split (``"train"`` or ``"validation"``; ``"test"`` where a copy has one) of AffectNet.

    Ids 0..7 are the labels of ``edge.labels.LABELS``, in their order; None, Uncertain and No-Face (8..10) are dropped
    and counted. Valence and arousal of -2 mean "not annotated" and become NaN.

    Args:
        root: the folder, or one above it.
        split: which one.
        naming: what numbers mean where a copy numbers its classes.

    Raises:
        EdgeError: no such split, no known layout, more than one, or a table that cannot be read.
    """
    place = find(root)
    if place is None:
        raise EdgeError(
            f"{root}: neither train_set/ and val_set/ (AffectNet 2021), nor training.csv and Manually_Annotated_Images/"
            f" (2017), nor folders named like emotions (a copy), here or in {_DEPTH} folders below"
        )
    official = read_2021 if is_2021(place) else read_2017 if is_2017(place) else None
    if official is None:
        return read_mirror(place, split, naming or Naming(), LICENCE)
    if split not in ("train", "validation"):
        raise MissingSplitError(f"AffectNet has no public split {split!r}; use train or validation")
    return _samples(official(place, split), split)


def find(root: Path) -> Path | None:
    """Return the folder where a known layout begins: ``root``, or the only one on the first level that has any.

    Raises:
        EdgeError: several on that level.
    """
    level = [root]
    for _ in range(_DEPTH + 1):
        found = [path for path in level if is_2021(path) or is_2017(path) or is_mirror(path)]
        if len(found) > 1:
            raise EdgeError(f"{root} holds several data sets: {', '.join(map(str, found[:4]))}; name one of them")
        if found:
            return found[0]
        level = [below for path in level for below in folders(path)]
    return None


def _samples(table: Table, split: str) -> Samples:
    known = (table.expression >= 0) & (table.expression < len(LABELS)) & (table.expression % 1 == 0)
    dropped = {f"AffectNet's {name!r} ({id})": int((table.expression == id).sum()) for id, name in _DROPPED.items()}
    strange = ~known & ~np.isin(table.expression, list(_DROPPED))
    faults = table.faults + tuple(
        Fault(table.paths[row], f"expression {table.expression[row]:g} is none of AffectNet's ids 0 to 10")
        for row in np.flatnonzero(strange)
    )
    if not known.any():
        raise EdgeError(f"AffectNet {split}: no image carries an expression of 0 to 7; restore its annotations")
    label = np.where(known, table.expression, -1).astype(np.int64)
    samples = Samples(
        name=f"AffectNet {split}",
        paths=table.paths,
        distribution=np.eye(len(LABELS), dtype=np.float32)[np.maximum(label, 0)],
        label=label,
        valence_arousal=annotated(table.affect),
        licence=LICENCE,
        boxes=table.boxes,
        findings=Findings(dropped={reason: count for reason, count in dropped.items() if count}, faults=faults),
    )
    return samples.labelled()


def annotated(affect: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return valence and arousal with NaN for -2, AffectNet's "not annotated", and for what lies outside [-1, 1]."""
    return np.where(np.abs(affect) <= 1, affect, np.nan).astype(np.float32)
