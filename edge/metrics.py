"""Metrics of finished arrays, in numpy, so that a device can measure accuracy without a training framework."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]


def softmax(logits: Floats) -> Floats:
    """Return probabilities along the last axis; shape is kept, rows sum to one."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    result: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result


def accuracy(truth: Ints, predicted: Ints) -> float:
    """Share of equal entries of two ``[N]`` arrays; NaN for empty ones."""
    return float(np.mean(truth == predicted)) if len(truth) else float("nan")


def accuracy_interval(
    truth: Ints, predicted: Ints, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of :func:`accuracy`; the same arrays give the same interval.

    Drawing N images with replacement from N of which a share p is right gives a binomial number of right ones, so that
    number is drawn directly.
    """
    if not len(truth):
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).binomial(len(truth), accuracy(truth, predicted), resamples) / len(truth)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def confusion_matrix(truth: Ints, predicted: Ints, classes: int) -> NDArray[np.int64]:
    """Counts ``[classes, classes]``; rows are the truth, columns the prediction.

    Raises:
        ValueError: a class index outside ``0..classes - 1``.
    """
    for side in (truth, predicted):
        if len(side) and not 0 <= np.min(side) <= np.max(side) < classes:
            raise ValueError(f"class indices must lie in 0..{classes - 1}, found {np.min(side)} and {np.max(side)}")
    flat = np.asarray(truth, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def f1_per_class(truth: Ints, predicted: Ints, classes: int) -> Floats:
    """F1 ``[classes]``: ``2 TP / (2 TP + FP + FN)``, zero for a class that neither side names."""
    matrix = confusion_matrix(truth, predicted, classes)
    hits = np.diag(matrix).astype(float)
    total = matrix.sum(axis=0) + matrix.sum(axis=1)
    result: Floats = np.divide(2 * hits, total, out=np.zeros(classes), where=total > 0)
    return result


def macro_f1(truth: Ints, predicted: Ints, classes: int) -> float:
    """Mean F1 over the classes that occur in the truth or the prediction (as scikit-learn counts them)."""
    present = np.union1d(truth, predicted).astype(int)
    return float(f1_per_class(truth, predicted, classes)[present].mean()) if len(present) else float("nan")


def recall_per_class(truth: Ints, predicted: Ints, classes: int) -> Floats:
    """Recall ``[classes]``, NaN for a class that does not occur in the truth."""
    matrix = confusion_matrix(truth, predicted, classes)
    rows = matrix.sum(axis=1)
    result: Floats = np.divide(np.diag(matrix), rows, out=np.full(classes, np.nan), where=rows > 0)
    return result


def mse(truth: Floats, predicted: Floats) -> float:
    """Mean squared error of two arrays of one shape; NaN for empty ones."""
    return float(np.mean((np.asarray(truth, float) - predicted) ** 2)) if len(truth) else float("nan")


def rmse(truth: Floats, predicted: Floats) -> float:
    """Root of the mean squared error; NaN for empty arrays."""
    return float(np.sqrt(mse(truth, predicted)))


def mae(truth: Floats, predicted: Floats) -> float:
    """Mean absolute error of two arrays of one shape; NaN for empty ones."""
    return float(np.mean(np.abs(np.asarray(truth, float) - predicted))) if len(truth) else float("nan")


def pearson(truth: Floats, predicted: Floats) -> float:
    """Pearson's correlation of two ``[N]`` arrays; NaN where one of them is constant or empty."""
    x, y = np.asarray(truth, float), np.asarray(predicted, float)
    if not len(x) or np.ptp(x) == 0 or np.ptp(y) == 0:  # not "variance is zero": the mean of equal numbers is rounded
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def ccc(truth: Floats, predicted: Floats) -> float:
    """Concordance correlation coefficient of two ``[N]`` arrays (Lin 1989, *Biometrics* 45:255-268).

    ``2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)`` with population moments; NaN where both are the same
    constant, or empty.
    """
    x, y = np.asarray(truth, float), np.asarray(predicted, float)
    if not len(x) or np.ptp(np.concatenate((x, y))) == 0:
        return float("nan")
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


def percentile(values: Floats | Sequence[float], q: float) -> float:
    """The ``q``-th percentile (0..100) by linear interpolation; NaN for an empty array."""
    return float(np.percentile(values, q)) if len(values) else float("nan")
