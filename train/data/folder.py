"""A folder a class: ``ROOT/train/<class>/*.jpg`` and ``ROOT/validation/<class>/*.jpg``.

Class folders are mapped by name (:func:`edge.labels.canonical`). Numbers are refused: copies of one data set number
their classes in different orders, and nothing in the files tells which.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.errors import EdgeError
from edge.labels import LABELS, canonical
from train.data.circumplex import weak_valence_arousal
from train.data.samples import Samples

#: Folder names of each split, the first that exists is taken. Who has no validation folder is measured on the test one.
FOLDERS = {
    "train": ("train",),
    "validation": ("validation", "val", "valid", "test"),
    "test": ("test",),
}
SUFFIXES = (".jpg", ".jpeg", ".png")


def is_folder_tree(root: Path) -> bool:
    """Say whether ``root`` has a train folder with folders in it."""
    train = root / "train"
    return train.is_dir() and any(path.is_dir() for path in train.iterdir())


def read_folder(root: Path, split: str) -> Samples:
    """Read one split (``"train"``, ``"validation"`` or ``"test"``) of a folder tree.

    Valence and arousal are weak (:mod:`train.data.circumplex`), one point a class.

    Raises:
        EdgeError: no such split, a class folder whose name is a number or no emotion, or no image at all.
    """
    if split not in FOLDERS:
        raise EdgeError(f"a folder tree has no split {split!r}; use one of {', '.join(FOLDERS)}")
    place = next((root / name for name in FOLDERS[split] if (root / name).is_dir()), None)
    if place is None:
        raise EdgeError(f"{root}: no folder {' or '.join(FOLDERS[split])}, which must hold one folder a class")
    paths: list[Path] = []
    labels: list[int] = []
    for folder in sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")):
        images = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        paths += images
        labels += [_index(folder)] * len(images)
    if not paths:
        raise EdgeError(f"{place}: no image found; expected {place.name}/<class name>/*.jpg or *.png")
    label = np.array(labels, dtype=np.int64)
    distribution = np.eye(len(LABELS), dtype=np.float32)[label]
    return Samples(
        name=f"{root.resolve().name} {place.name}",
        paths=paths,
        distribution=distribution,
        label=label,
        valence_arousal=weak_valence_arousal(distribution),
        licence="the owner's; not stated in the folder",
        weak_affect=True,
    )


def _index(folder: Path) -> int:
    if folder.name.strip().lstrip("+-").isdigit():
        raise EdgeError(
            f"{folder}: a number does not tell which emotion it is (copies differ in order); rename the folder to the "
            f"class name: {', '.join(LABELS)}"
        )
    try:
        return LABELS.index(canonical(folder.name))
    except EdgeError as error:
        raise EdgeError(f"{folder}: {error}; rename the folder or move it away") from error
