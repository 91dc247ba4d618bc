"""A folder a class: ``ROOT/train/<class>/*.jpg`` and ``ROOT/validation/<class>/*.jpg``.

Class folders are mapped by name (:func:`edge.labels.canonical`, or the classes a user chose). Numbers are refused
unless the user says what they mean: copies of one data set number their classes in different orders, and nothing in the
files tells which.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.circumplex import CIRCUMPLEX
from train.data.class_folders import SPLITS, Naming, folders, images, numbers_in, split_folder, split_folders
from train.data.classes import known_as
from train.data.findings import Findings
from train.data.samples import MissingSplitError, Samples


def is_folder_tree(root: Path) -> bool:
    """Say whether ``root`` has a train folder with folders in it."""
    train = split_folder(root, "train")
    return train is not None and any(folders(train))


def read_folder(root: Path, split: str, naming: Naming | None = None) -> Samples:
    """Read one split (``"train"``, ``"validation"`` or ``"test"``) of a folder tree.

    Valence and arousal are weak (:mod:`train.data.circumplex`), one point a class, and NaN for a class that is no
    emotion.

    Raises:
        EdgeError: no such split, a class folder whose name is a number or no class, or no image at all.
    """
    naming = naming or Naming()
    if split not in SPLITS:
        raise EdgeError(f"a folder tree has no split {split!r}; use one of {', '.join(SPLITS)}")
    place = split_folder(root, split)
    if place is None:
        raise MissingSplitError(f"{root}: no folder {' or '.join(SPLITS[split])}, which must hold one folder a class")
    numbers = numbers_in(path.name for part in split_folders(root).values() for path in folders(part))
    paths: list[Path] = []
    labels: list[int] = []
    left_out = 0
    for folder in folders(place):
        found = images(folder)
        index = naming.index(folder.name, numbers, str(folder))
        if index is None:
            left_out += len(found)
            continue
        paths += found
        labels += [index] * len(found)
    if not paths:
        raise EdgeError(f"{place}: no image found; expected {place.name}/<class name>/*.jpg or *.png")
    label = np.array(labels, dtype=np.int64)
    return Samples(
        name=f"{root.resolve().name} {place.name}",
        paths=paths,
        distribution=np.eye(len(naming.labels), dtype=np.float32)[label],
        label=label,
        valence_arousal=class_coordinates(naming.labels)[label],
        labels=naming.labels,
        licence="the owner's; not stated in the folder",
        weak_affect=True,
        findings=Findings(dropped={"of no emotion, or of classes that are not among those chosen": left_out}),
    )


def class_coordinates(labels: tuple[str, ...]) -> NDArray[np.float32]:
    """Weak valence and arousal ``[C, 2]`` of classes; NaN for one that is no emotion."""
    emotions = [known_as(name) for name in labels]
    rows = [CIRCUMPLEX[LABELS.index(name)] if name in LABELS else np.full(2, np.nan) for name in emotions]
    return np.array(rows, dtype=np.float32)
