"""Folders whose names are classes: which there are, which images lie in them, and what the names mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from edge.errors import EdgeError
from edge.labels import LABELS, canonical
from train.data.classes import known_as

SUFFIXES = (".jpg", ".jpeg", ".png")

#: Names of a training folder, and of those a validation split may have, the first that exists being taken. Who has no
#: validation folder is measured on the test one. Capitals do not matter.
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "test"),
    "test": ("test", "testing"),
}

#: Names under which AffectNet's ids 8, 9 and 10 occur.
NO_EMOTION = ("none", "uncertain", "no-face", "no_face", "noface", "no face")


@dataclasses.dataclass(frozen=True)
class Naming:
    """How a class name, or a number, of a data set is read.

    Attributes:
        classes: the classes asked for; None: the eight emotions.
        order: what the numbers stand for, the smallest number's name first; None: numbers are refused.
    """

    classes: tuple[str, ...] | None = None
    order: tuple[str, ...] | None = None

    def index(self, name: str, numbers: list[int], where: str) -> int | None:
        """Return the class of ``name`` in :attr:`labels`, or None for one that is to be left out.

        Args:
            name: as the data set spells it.
            numbers: all numbers that occur as class names in the data set, ascending.
            where: for the message.

        Raises:
            EdgeError: a number whose meaning nobody said, or a name that is no class.
        """
        number = as_number(name)
        if number is not None:
            name = self._named(number, numbers, where)
        key = known_as(name)
        if key in NO_EMOTION:
            return None
        if self.classes is not None:
            known = [known_as(label) for label in self.classes]
            return known.index(key) if key in known else None
        try:
            return LABELS.index(canonical(name))
        except EdgeError as error:
            raise EdgeError(f"{where}: {error}; rename it, move it away, or choose with --classes") from error

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in order."""
        return LABELS if self.classes is None else self.classes

    def _named(self, number: int, numbers: list[int], where: str) -> str:
        if self.order is None:
            raise EdgeError(
                f"{where}: a number does not tell which emotion it is (copies differ in order); rename it to the class "
                f"name ({', '.join(LABELS)}), or say what the numbers mean: --class-order name,name,..."
            )
        if len(numbers) != len(self.order):
            raise EdgeError(
                f"{where}: --class-order names {len(self.order)} classes, but the numbers are "
                f"{', '.join(map(str, numbers))}; name one for each, the smallest number first"
            )
        return self.order[numbers.index(number)]


def as_number(name: str) -> int | None:
    """Return the number that a class name is, or None."""
    try:
        return int(name.strip())
    except ValueError:
        return None


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of ``root`` that hold a split, by their name in small letters."""
    names = {name for names in SPLITS.values() for name in names}
    return {path.name.lower(): path for path in folders(root) if path.name.lower() in names}


def split_folder(root: Path, split: str) -> Path | None:
    """Return the folder of ``root`` that holds a split, or None."""
    have = split_folders(root)
    return next((have[name] for name in SPLITS[split] if name in have), None)


def folders(root: Path) -> list[Path]:
    """The visible folders in a folder, sorted."""
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def images(folder: Path) -> list[Path]:
    """The image files in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def holds_classes(folder: Path) -> bool:
    """Say whether the folders in ``folder`` are named like emotions, or are all numbers; at least two of them."""
    names = [path.name for path in folders(folder)]
    emotions = [name for name in names if known_as(name) in LABELS]
    return len(emotions) > 1 or (len(names) > 1 and all(as_number(name) is not None for name in names))


def numbers_in(names: Iterable[str]) -> list[int]:
    """The numbers among class names, ascending, each once."""
    return sorted({number for name in names if (number := as_number(name)) is not None})
