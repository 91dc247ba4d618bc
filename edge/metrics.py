"""Metrics of finished arrays, in numpy, so that a device can measure accuracy without a training framework.

Every figure takes arrays whose last axis counts the images. ``[N]`` arrays give a float; ``[..., N]`` arrays, such as
the resamples of :func:`bootstrap`, give one figure a row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

#: A Python float for ``[N]`` arrays, an array ``[...]`` for ``[..., N]`` ones.
Figure: TypeAlias = Any

#: Equal-width bins of confidence: Guo et al. 2017, "On Calibration of Modern Neural Networks", take 15.
BINS = 15


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return probabilities along the last axis; shape is kept, rows sum to one.

    Logits are divided by ``temperature`` first (Guo et al. 2017): above one, probabilities come closer to each other;
    their order never changes.
    """
    scaled = logits if temperature == 1 else logits / temperature
    shifted = scaled - scaled.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    result: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result


def accuracy(truth: Ints, predicted: Ints) -> Figure:
    """Share of equal entries; NaN for empty arrays."""
    return _mean(np.asarray(truth) == predicted)


def confusion_matrix(truth: Ints, predicted: Ints, classes: int) -> NDArray[np.int64]:
    """Counts ``[..., classes, classes]``; rows are the truth, columns the prediction.

    Raises:
        ValueError: a class index outside ``0..classes - 1``.
    """
    for side in (truth, predicted):
        if np.size(side) and not 0 <= np.min(side) <= np.max(side) < classes:
            raise ValueError(f"class indices must lie in 0..{classes - 1}, found {np.min(side)} and {np.max(side)}")
    flat = np.asarray(truth, np.int64) * classes + np.asarray(predicted, np.int64)
    counts = _sums(flat, classes * classes).astype(np.int64)
    return counts.reshape(*counts.shape[:-1], classes, classes)


def f1_per_class(truth: Ints, predicted: Ints, classes: int) -> Floats:
    """F1 ``[..., classes]``: ``2 TP / (2 TP + FP + FN)``, zero for a class that neither side names."""
    hits, total = _hits_and_total(confusion_matrix(truth, predicted, classes))
    return _ratio(2 * hits, total, 0.0)


def macro_f1(truth: Ints, predicted: Ints, classes: int) -> Figure:
    """Mean F1 over the classes that occur in the truth or the prediction (as scikit-learn counts them)."""
    hits, total = _hits_and_total(confusion_matrix(truth, predicted, classes))
    return _mean_of_known(_ratio(2 * hits, total, np.nan))


def recall_per_class(truth: Ints, predicted: Ints, classes: int) -> Floats:
    """Recall ``[..., classes]``, NaN for a class that does not occur in the truth."""
    matrix = confusion_matrix(truth, predicted, classes)
    return _ratio(_diagonal(matrix), matrix.sum(axis=-1), np.nan)


def precision_per_class(truth: Ints, predicted: Ints, classes: int) -> Floats:
    """Precision ``[..., classes]``, NaN for a class that is never predicted."""
    matrix = confusion_matrix(truth, predicted, classes)
    return _ratio(_diagonal(matrix), matrix.sum(axis=-2), np.nan)


def balanced_accuracy(truth: Ints, predicted: Ints, classes: int) -> Figure:
    """Mean recall over the classes that occur in the truth: accuracy as if all were equally frequent."""
    return _mean_of_known(recall_per_class(truth, predicted, classes))


def surprisal(truth: Ints, logits: Floats, temperature: float = 1.0) -> Floats:
    """Return ``-log p(truth)`` of each image, ``[N]``, in nats; see :func:`softmax` for the temperature.

    Args:
        truth: int ``[N]``.
        logits: ``[N, C]``; the logarithm is taken of them directly, so that no probability is rounded to zero.
        temperature: divides the logits.
    """
    scaled = np.asarray(logits, float) / temperature
    shifted = scaled - scaled.max(axis=-1, keepdims=True)
    right = np.take_along_axis(shifted, np.asarray(truth, np.int64)[:, None], axis=-1)[:, 0]
    result: Floats = np.log(np.exp(shifted).sum(axis=-1)) - right
    return result


def nll(truth: Ints, logits: Floats, temperature: float = 1.0) -> float:
    """Negative log-likelihood a class: the mean of :func:`surprisal`; NaN for empty arrays."""
    return float(_mean(surprisal(truth, logits, temperature))) if len(truth) else float("nan")


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Images sorted into equal-width bins of confidence; bin ``m`` of M holds ``(m / M, (m + 1) / M]``.

    Attributes:
        count: images in each bin, ``[..., M]``.
        confidence: their mean confidence; NaN for an empty bin.
        accuracy: share of them that is right; NaN for an empty bin.
    """

    count: Floats
    confidence: Floats
    accuracy: Floats


def reliability(hit: Bools, confidence: Floats, bins: int = BINS) -> Reliability:
    """Sort images into bins of confidence.

    Args:
        hit: bool ``[..., N]``, the top class is the label.
        confidence: probability ``[..., N]`` of the top class, 0..1.
        bins: how many.
    """
    index = np.clip(np.ceil(np.asarray(confidence, float) * bins).astype(np.int64) - 1, 0, bins - 1)
    count = _sums(index, bins)
    return Reliability(
        count,
        _ratio(_sums(index, bins, np.asarray(confidence, float)), count, np.nan),
        _ratio(_sums(index, bins, np.asarray(hit, float)), count, np.nan),
    )


def ece(hit: Bools, confidence: Floats, bins: int = BINS) -> Figure:
    """Expected calibration error (Guo et al. 2017, eq. 3): mean distance of accuracy and confidence, bin by bin.

    Arguments as in :func:`reliability`; NaN for empty arrays.
    """
    sorted_in = reliability(hit, confidence, bins)
    gap = np.nan_to_num(np.abs(sorted_in.accuracy - sorted_in.confidence))
    total = np.shape(hit)[-1]
    return _plain((gap * sorted_in.count).sum(axis=-1) / total if total else np.full(np.shape(hit)[:-1], np.nan))


def mse(truth: Floats, predicted: Floats) -> Figure:
    """Mean squared error of two arrays of one shape; NaN for empty ones."""
    return _mean((np.asarray(truth, float) - predicted) ** 2)


def rmse(truth: Floats, predicted: Floats) -> Figure:
    """Root of the mean squared error; NaN for empty arrays."""
    return _plain(np.sqrt(mse(truth, predicted)))


def mae(truth: Floats, predicted: Floats) -> Figure:
    """Mean absolute error of two arrays of one shape; NaN for empty ones."""
    return _mean(np.abs(np.asarray(truth, float) - predicted))


def pearson(truth: Floats, predicted: Floats) -> Figure:
    """Pearson's correlation; NaN where one of the arrays is constant or empty."""
    x, y = np.asarray(truth, float), np.asarray(predicted, float)
    if not x.shape[-1]:
        return _plain(np.full(x.shape[:-1], np.nan))
    constant = (np.ptp(x, axis=-1) == 0) | (np.ptp(y, axis=-1) == 0)  # not by variance: the mean of equals is rounded
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    spread = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    result = _ratio((x * y).sum(axis=-1), np.where(constant, 0, spread), np.nan)
    return _plain(np.clip(result, -1, 1))  # rounding can lead a hair beyond


def ccc(truth: Floats, predicted: Floats) -> Figure:
    """Concordance correlation coefficient (Lin 1989, *Biometrics* 45:255-268).

    ``2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)`` with population moments; NaN where both are the same
    constant, or empty.
    """
    x, y = np.asarray(truth, float), np.asarray(predicted, float)
    if not x.shape[-1]:
        return _plain(np.full(x.shape[:-1], np.nan))
    same = np.ptp(np.concatenate((x, y), axis=-1), axis=-1) == 0
    mean_x, mean_y = x.mean(axis=-1), y.mean(axis=-1)
    covariance = ((x - mean_x[..., None]) * (y - mean_y[..., None])).mean(axis=-1)
    spread = x.var(axis=-1) + y.var(axis=-1) + (mean_x - mean_y) ** 2
    return _plain(_ratio(2 * covariance, np.where(same, 0, spread), np.nan))


def bootstrap(
    figures: Callable[..., Sequence[Figure]],
    *arrays: NDArray[Any],
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> list[tuple[float, float]]:
    """Percentile bootstrap intervals (Efron & Tibshirani 1993, ch. 13); the same arrays give the same intervals.

    Images are drawn with replacement, as many as there are, all arrays alike.

    Args:
        figures: called with the resampled arrays, each ``[R, N]``; returns figures, each ``[R]``.
        arrays: one entry an image, ``[N]``.
        level: share of the resamples inside each interval.
        resamples: how many.
        seed: of the draws.

    Returns:
        ``(low, high)`` of each figure. Resamples in which a figure is not defined (NaN) do not count; NaN where it is
        defined in none, or where there are no images.
    """
    count = len(arrays[0])
    block = max(1, 2_000_000 // max(1, count))  # rows at once: some 16 MB an array
    generator = np.random.default_rng(seed)
    drawn = []
    for start in range(0, resamples, block):
        rows = generator.integers(0, max(1, count), (min(block, resamples - start), count))
        drawn.append(np.stack([np.asarray(f, float) for f in figures(*(array[rows] for array in arrays))]))
    result = []
    for values in np.concatenate(drawn, axis=1):
        known = values[~np.isnan(values)]
        ends = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if len(known) else (np.nan, np.nan)
        result.append((float(ends[0]), float(ends[1])))
    return result


def percentile(values: Floats | Sequence[float], q: float) -> float:
    """The ``q``-th percentile (0..100) by linear interpolation; NaN for an empty array."""
    return float(np.percentile(values, q)) if len(values) else float("nan")


def _plain(values: Any) -> Figure:
    return float(values) if np.ndim(values) == 0 else values


def _mean(values: Any) -> Figure:
    return _plain(values.mean(axis=-1) if values.shape[-1] else np.full(values.shape[:-1], np.nan))


def _mean_of_known(values: Floats) -> Figure:
    """Mean along the last axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    return _plain(_ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1), np.nan))


def _ratio(over: Any, under: Any, otherwise: float) -> Floats:
    """``over / under``, and ``otherwise`` where ``under`` is zero."""
    over, under = np.asarray(over, float), np.asarray(under, float)
    result: Floats = np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)
    return result


def _sums(index: Ints, size: int, weights: Floats | None = None) -> Floats:
    """Sum of the weights (of ones without) that fall on each of ``size`` places, row by row: ``[..., size]``."""
    rows = index.reshape(-1, index.shape[-1]) if index.size else np.zeros((int(np.prod(index.shape[:-1])), 0), np.int64)
    flat = (rows + size * np.arange(len(rows))[:, None]).ravel()
    sums = np.bincount(flat, None if weights is None else weights.ravel(), minlength=size * len(rows))
    return sums.astype(float).reshape(*index.shape[:-1], size)


def _diagonal(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _hits_and_total(matrix: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True positives of each class, and how often truth and prediction name it together."""
    return _diagonal(matrix), matrix.sum(axis=-2) + matrix.sum(axis=-1)
