"""Copies of AffectNet as they lie on Kaggle: a folder a class, with or without a table ``labels.csv``.

Either ``train`` beside ``val``, ``valid``, ``validation`` or ``test``, or the class folders alone; then a drawn tenth
is the validation split, and its name says so. The table has the columns ``pth`` and ``label``, and
sometimes ``valence`` and ``arousal``. (``relFCs``, the share of a picture's first principal component, says nothing
about the label and is not used.)

Where folder and table disagree, the table is believed: the copies that have one relabelled the pictures after they had
been sorted into folders, and left them lying there.
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np

from edge.errors import EdgeError
from train.data.class_folders import (
    SPLITS,
    Naming,
    as_number,
    folders,
    holds_classes,
    images,
    numbers_in,
    split_folder,
    split_folders,
)
from train.data.findings import Fault, Findings
from train.data.folder import class_coordinates
from train.data.holdout import hold_out
from train.data.samples import MissingSplitError, Samples

TABLE = "labels.csv"
#: Share and seed of the validation split of a copy without one.
SHARE, SEED = 0.1, 0


@dataclasses.dataclass(frozen=True)
class _Row:
    """One line of the table: where the picture is, its class as written there, valence and arousal."""

    pth: str
    label: str
    affect: tuple[float, float]


def has_table(root: Path) -> bool:
    """Say whether a table with the columns of such copies lies in ``root`` or in one of its splits."""
    for folder in (root, *split_folders(root).values()):
        table = folder / TABLE
        if table.is_file():
            with table.open(encoding="utf-8-sig", errors="replace") as file:
                return {"pth", "label"} <= {cell.strip().lower() for cell in file.readline().split(",")}
    return False


def is_mirror(root: Path) -> bool:
    """Say whether ``root`` holds class folders, or splits with class folders in them, or the table."""
    train = split_folder(root, "train")
    places = (root,) if train is None else (root, train)
    return any((place / TABLE).is_file() or holds_classes(place) for place in places)


def read_mirror(root: Path, split: str, naming: Naming, licence: str) -> Samples:
    """Read one split of a copy.

    Raises:
        EdgeError: no such split, a table without a column, a class name nobody knows, numbers without an order.
    """
    if split not in SPLITS:
        raise EdgeError(f"a copy of AffectNet has no split {split!r}; use one of {', '.join(SPLITS)}")
    train = split_folder(root, "train")
    place = split_folder(root, split) if train else None
    if place is not None:
        return _read(root, place, naming, licence)
    if split == "test":
        raise MissingSplitError(f"{root}: no folder test; use train or validation")
    whole = _read(root, train or root, naming, licence)
    training, validation = hold_out(whole, SHARE, SEED)
    return training if split == "train" else validation


def _read(root: Path, place: Path, naming: Naming, licence: str) -> Samples:
    """Read all images below one folder: a split's, or the whole copy's."""
    table = next((path for folder in (place, root) if (path := folder / TABLE).is_file()), None)
    report = _Report()
    rows = [] if table is None else _rows(table, report)
    others = [part for part in split_folders(root).values() if part != place] if place != root else []
    by_folder = _by_folder(place, naming, numbers_in(_names(place, others)), strict=table is None)
    by_table = {} if table is None else _matched(rows, table, place, others, by_folder, report)
    numbers = numbers_in(row.label for row in rows)
    meaning = {name: naming.index(name, numbers, f"{table}") for name in sorted({row.label for row in rows})}
    paths: list[Path] = []
    labels: list[int] = []
    affect: list[tuple[float, float]] = []
    for path, (folder_label, sure) in by_folder.items():
        row = by_table.get(path)
        label = folder_label if row is None else meaning[row.label]
        if row is not None and sure and label != folder_label:
            report.disagreements += 1
        if row is None and not sure:
            report.unknown += 1
        elif label is None:
            report.no_emotion += 1
        else:
            paths.append(path)
            labels.append(label)
            affect.append((np.nan, np.nan) if row is None else row.affect)
        report.unlisted += row is None and sure and table is not None
    if not paths:
        raise EdgeError(f"{place}: no image with a label; expected <class name>/*.jpg or {TABLE} with pth and label")
    label_array = np.array(labels, dtype=np.int64)
    weak = not any(np.isfinite(row.affect).any() for row in rows)
    values = np.array(affect, dtype=np.float32)
    return Samples(
        name=f"AffectNet copy {_title(root, place)}",
        paths=paths,
        distribution=np.eye(len(naming.labels), dtype=np.float32)[label_array],
        label=label_array,
        valence_arousal=class_coordinates(naming.labels)[label_array] if weak else values,
        labels=naming.labels,
        licence=licence,
        rule=f"labels of {TABLE}" if by_table else "labels by folder",
        weak_affect=weak,
        findings=report.findings(),
    )


@dataclasses.dataclass
class _Report:
    """Counts that become :class:`Findings`."""

    disagreements: int = 0
    no_emotion: int = 0
    unknown: int = 0
    unlisted: int = 0
    ambiguous: int = 0
    faults: list[Fault] = dataclasses.field(default_factory=list)

    def findings(self) -> Findings:
        notes = []
        if self.unlisted:
            notes.append(f"{self.unlisted:,} images are not in {TABLE}: their folder names the class")
        if self.ambiguous:
            notes.append(f"{self.ambiguous:,} rows of {TABLE} fit images of two splits and were not used")
        dropped = {
            "of no emotion, or of classes that are not among those chosen": self.no_emotion,
            f"neither in {TABLE} nor in a folder named like a class": self.unknown,
        }
        return Findings(
            dropped={reason: count for reason, count in dropped.items() if count},
            faults=tuple(self.faults),
            disagreements=self.disagreements,
            notes=tuple(notes),
        )


def _by_folder(place: Path, naming: Naming, numbers: list[int], strict: bool) -> dict[Path, tuple[int | None, bool]]:
    """Return each image's class by its folder, and whether the folder's name tells one; sorted.

    ``strict``: there is nothing but the folders, so a name nobody knows is the user's mistake.
    """
    found: dict[Path, tuple[int | None, bool]] = {}
    for path in [] if strict else images(place):
        found[path] = (None, False)
    for folder in folders(place):
        pictures = images(folder)
        if not pictures:
            continue
        try:
            meaning: tuple[int | None, bool] = (naming.index(folder.name, numbers, str(folder)), True)
        except EdgeError:
            if strict or (as_number(folder.name) is not None and naming.order is not None):
                raise
            meaning = (None, False)
        found.update(dict.fromkeys(pictures, meaning))
    return found


def _matched(
    rows: list[_Row],
    table: Path,
    place: Path,
    others: list[Path],
    images_here: dict[Path, tuple[int | None, bool]],
    report: _Report,
) -> dict[Path, _Row]:
    """Return the row of each image; ``pth`` counts from the split's folder or from the table's.

    A table shared by several splits may name ``anger/1.jpg`` where two of them have one: such a row tells nothing.
    """
    shared = table.parent != place
    training = place.name.lower() in SPLITS["train"] or not others
    matched: dict[Path, _Row] = {}
    for row in rows:
        direct, inside = table.parent / row.pth, place / row.pth
        if direct in images_here:
            matched[direct] = row
        elif inside in images_here:
            if shared and any((other / row.pth).is_file() for other in others):
                report.ambiguous += 1
            else:
                matched[inside] = row
        elif training and not (direct.is_file() or any((other / row.pth).is_file() for other in others)):
            report.faults.append(Fault(direct if not shared else inside, f"listed in {TABLE}, but missing"))
    return matched


def _rows(table: Path, report: _Report) -> list[_Row]:
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        lines = csv.reader(file)
        names = [name.strip().lower() for name in next(lines, [])]
        missing = [name for name in ("pth", "label") if name not in names]
        if missing:
            raise EdgeError(
                f"{table}: no column {', '.join(missing)} (it has {', '.join(filter(None, names)) or 'none'})"
            )
        pth, label = names.index("pth"), names.index("label")
        affect = [names.index(name) for name in ("valence", "arousal") if name in names]
        rows = []
        for line, cells in enumerate(lines, start=2):
            if not cells:
                continue
            if len(cells) != len(names):
                report.faults.append(Fault(table, f"line {line} has {len(cells)} cells instead of {len(names)}"))
                continue
            values = [_number(cells[index]) for index in affect]
            both = (values[0], values[1]) if len(values) == 2 else (np.nan, np.nan)
            rows.append(_Row(cells[pth].strip().replace("\\", "/").lstrip("./"), cells[label].strip(), both))
    if not rows:
        raise EdgeError(f"{table} has no rows; restore it, or remove it and the folders name the classes")
    return rows


def _number(cell: str) -> float:
    """Read valence or arousal; NaN for an empty cell, and for -2 and all else outside [-1, 1]: not annotated."""
    try:
        value = float(cell)
    except ValueError:
        return np.nan
    return value if abs(value) <= 1 else np.nan


def _names(place: Path, others: list[Path]) -> list[str]:
    return [folder.name for part in (place, *others) for folder in folders(part)]


def _title(root: Path, place: Path) -> str:
    name = root.resolve().name
    return name if place == root else f"{name} {place.name}"
