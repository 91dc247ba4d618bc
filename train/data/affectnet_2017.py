"""AffectNet as it was given out in 2017: whole photographs, and tables with a face box in each row.

``training.csv`` and ``validation.csv`` beside ``Manually_Annotated_Images/``, or in the folders the archives unpack to.
"""

from __future__ import annotations

import csv
from pathlib import Path

from edge.errors import EdgeError
from train.data.findings import Fault
from train.data.samples import MissingSplitError
from train.data.table import Table

SPLITS = {"train": "training.csv", "validation": "validation.csv"}
_TABLES = ("", "Manually_Annotated_file_lists")
_IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated")
_COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
_BOX = ("face_x", "face_y", "face_width", "face_height")
_NUMBERS = ("expression", "valence", "arousal")


def is_2017(root: Path) -> bool:
    """Say whether ``root`` has this layout, one split of it at least."""
    return _images(root) is not None and any(_table(root, name) for name in SPLITS.values())


def read_2017(root: Path, split: str) -> Table:
    """Read the table of a split; a row that is damaged becomes a fault.

    Raises:
        EdgeError: the table is missing, empty, or lacks a column.
    """
    table, images = _table(root, SPLITS[split]), _images(root)
    if table is None or images is None:
        raise MissingSplitError(f"{root / SPLITS[split]} is missing; restore AffectNet's annotation tables")
    paths: list[Path] = []
    boxes: list[list[int]] = []
    numbers: list[list[float]] = []
    faults: list[Fault] = []
    # Bytes that are no text end up in a cell that is no number, and so in a fault with its line.
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        lines = csv.reader(file)
        place, first = _columns(table, next(lines, []))
        for line, cells in enumerate(first + list(lines), start=1 if first else 2):
            try:
                path = images / cells[place["subDirectory_filePath"]].replace("\\", "/")
                number = [float(cells[place[name]]) for name in _NUMBERS]
                box = [int(float(cells[place[name]])) for name in _BOX]
            except (IndexError, ValueError, OverflowError) as error:
                faults.append(Fault(table, f"line {line} is damaged ({error})"))
                continue
            paths.append(path)
            numbers.append(number)
            boxes.append(box)
    if not paths:
        raise EdgeError(f"{table} has no usable row; restore AffectNet's tables")
    return Table.of(paths, numbers, faults, boxes)


def _columns(table: Path, header: list[str]) -> tuple[dict[str, int], list[list[str]]]:
    """Return where each column is, and the first line where it is data: validation.csv came without a header."""
    names = [name.strip() for name in header]
    if len(names) == len(_COLUMNS) and not set(names) & set(_COLUMNS):
        return {name: index for index, name in enumerate(_COLUMNS)}, [header]
    needed = ("subDirectory_filePath", *_BOX, *_NUMBERS)
    missing = [name for name in needed if name not in names]
    if missing:
        raise EdgeError(
            f"{table}: no column {', '.join(missing)} (it has {', '.join(names) or 'none'}); restore AffectNet's tables"
        )
    return {name: names.index(name) for name in needed}, []


def _table(root: Path, name: str) -> Path | None:
    return next((path for folder in _TABLES if (path := root / folder / name).is_file()), None)


def _images(root: Path) -> Path | None:
    return next((path for name in _IMAGES if (path := root / name).is_dir()), None)
