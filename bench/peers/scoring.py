"""From a peer's scores of its own classes to figures that can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.peers.peer import Classes
from edge.labels import LABELS
from edge.metrics import accuracy, macro_f1


@dataclasses.dataclass(frozen=True)
class Score:
    """How right a classifier is.

    Attributes:
        images: it was asked about.
        accuracy: share that is right.
        macro_f1: mean F1 over the classes that occur.
    """

    images: int
    accuracy: float
    macro_f1: float


def aligned(scores: NDArray[np.floating], names: Sequence[str], classes: Classes) -> NDArray[np.float64]:
    """Return scores ``[N, len(LABELS)]`` in the order of :data:`LABELS`; a class that is absent has -inf.

    Args:
        scores: ``[N, C]``, as the peer gives them.
        names: its classes in that order.
        classes: see :data:`bench.peers.peer.Classes`.

    Raises:
        ValueError: classes that the mapping does not name, or the other way round.
    """
    if sorted(names) != sorted(classes):
        raise ValueError(f"its classes are {', '.join(names)}, not {', '.join(classes)}")
    result = np.full((len(scores), len(LABELS)), -np.inf)
    for column, name in enumerate(names):
        result[:, LABELS.index(classes[name])] = scores[:, column]
    return result


def shared_labels(known: Iterable[Classes]) -> tuple[str, ...]:
    """Return the labels that everybody has a class for."""
    everyone = [set(classes.values()) for classes in known]
    return tuple(label for label in LABELS if all(label in labels for labels in everyone))


def score(scores: NDArray[np.float64], truth: NDArray[np.int64], labels: Sequence[str] = LABELS) -> Score:
    """Score answers among some labels, on the images of these labels: nobody is asked for, or may say, another.

    Args:
        scores: ``[N, len(LABELS)]``; see :func:`aligned`.
        truth: ``[N]``, index in :data:`LABELS`.
        labels: which.
    """
    columns = np.array([LABELS.index(label) for label in labels])
    asked = np.isin(truth, columns)
    predicted = columns[scores[asked][:, columns].argmax(axis=1)]
    wanted = truth[asked]
    return Score(int(asked.sum()), float(accuracy(wanted, predicted)), float(macro_f1(wanted, predicted, len(LABELS))))
