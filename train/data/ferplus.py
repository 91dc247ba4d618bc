"""FER+ (Barsoum et al. 2016): FER2013's images with ten votes each, in Microsoft's folder layout.

``ROOT/FER2013Train/*.png`` with ``label.csv`` beside them, and the same for ``FER2013Valid`` and ``FER2013Test``. A row
of ``label.csv`` is ``name, "(x, y, w, h)", ten vote counts``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.labels import LABELS, index_of
from train.data.circumplex import weak_valence_arousal
from train.data.findings import Findings
from train.data.samples import MissingSplitError, Samples

FOLDERS = {"train": "FER2013Train", "validation": "FER2013Valid", "test": "FER2013Test"}

#: Vote columns of ``label.csv`` after name and box.
COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "not a face",
)
LICENCE = "FER2013 images: found by web search, released for research; FER+ labels: MIT (Microsoft)"


def is_ferplus(root: Path) -> bool:
    """Say whether ``root`` has FER+'s layout."""
    return any((root / folder / "label.csv").is_file() for folder in FOLDERS.values())


def read_ferplus(root: Path, split: str) -> Samples:
    """Read one split of FER+ (``"train"``, ``"validation"`` or ``"test"``).

    Images are kept when votes for one of the eight emotions remain after single votes are removed; ``label`` is the
    majority by :func:`majority`, or -1. Valence and arousal are weak (:mod:`train.data.circumplex`).

    Raises:
        EdgeError: the split is missing, or a row of its table is damaged (the message names file and line).
    """
    if split not in FOLDERS:
        raise EdgeError(f"FER+ has no split {split!r}; use one of {', '.join(FOLDERS)}")
    folder = root / FOLDERS[split]
    table = folder / "label.csv"
    if not table.is_file():
        raise MissingSplitError(f"{table} is missing; FER+ is expected in Microsoft's layout (see docs/SETUP_GUIDE.md)")
    names, votes = _read_table(table)
    label = majority(votes)
    order = [COLUMNS.index(name) for name in LABELS]
    kept = without_single_votes(votes)
    emotions = kept[:, order].astype(np.float32)
    total = emotions.sum(axis=1)
    usable = total > 0
    distribution = np.divide(emotions, total[:, None], out=np.zeros_like(emotions), where=usable[:, None])
    everything = Samples(
        name=f"FER+ {split}",
        paths=[folder / name for name in names],
        distribution=distribution,
        label=label,
        valence_arousal=weak_valence_arousal(distribution),
        licence=LICENCE,
        rule="FER+ majority rule",
        weak_affect=True,
        findings=Findings(dropped={"no emotion has two votes or more": int((~usable).sum())}),
    )
    return everything.take(usable)


def without_single_votes(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Set votes that only one person gave to zero, in all ten columns: FER+'s own rule against outliers."""
    return np.where(votes > 1, votes, 0)


def majority(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class index ``[N]`` that FER+'s majority rule gives to votes ``[N, 10]``, or -1.

    Single votes are removed, then the winner needs more than half of what is left and must be one of the eight
    emotions. (A plain argmax keeps ties and scores several points lower; figures by the two are not comparable.)
    """
    kept = without_single_votes(votes)
    winner = kept.argmax(axis=1)
    clear = 2 * kept.max(axis=1) > kept.sum(axis=1)
    to_label = np.array([index_of(name) if name in LABELS else -1 for name in COLUMNS], dtype=np.int64)
    return np.where(clear, to_label[winner], -1)


def _read_table(table: Path) -> tuple[list[str], NDArray[np.int64]]:
    names: list[str] = []
    votes: list[list[int]] = []
    # Bytes that are no text end up in a cell that is no number, and so in the message with the line.
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            try:
                counts = [int(cell) for cell in row[2:]]
            except ValueError:
                counts = []
            if len(counts) != len(COLUMNS) or min(counts) < 0:
                raise EdgeError(
                    f"{table}:{line}: damaged row, not a name, a box and {len(COLUMNS)} counts; unpack FER+ again"
                )
            names.append(row[0])
            votes.append(counts)
    if not names:
        raise EdgeError(f"{table} has no rows; unpack FER+ again")
    return names, np.array(votes, dtype=np.int64)
