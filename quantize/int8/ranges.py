"""Which range of an activation is spread over 256 steps: wide ranges are coarse, narrow ones clip.

All methods look at a histogram of what calibration images gave; the same code serves ONNX and TFLite.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Method = Literal["minmax", "percentile", "entropy", "mse"]
METHODS: tuple[Method, ...] = get_args(Method)

#: Ends of a range in the real numbers; zero always lies within, so that padding is exact.
Range = tuple[float, float]

BINS = 2048
#: Share of the values that ``percentile`` keeps on either side.
PERCENTILE = 0.9999
#: uint8 and int8 alike.
STEPS = 255


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Values of one tensor over all calibration images.

    Attributes:
        least: smallest value.
        greatest: largest value.
        counts: float ``[BINS]``, values in equal-width bins from ``least`` to ``greatest``.
    """

    least: float
    greatest: float
    counts: NDArray[np.float64]

    @property
    def edges(self) -> NDArray[np.float64]:
        """Ends of the bins, ``[BINS + 1]``."""
        return np.linspace(self.least, self.greatest, len(self.counts) + 1)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middles of the bins, ``[BINS]``."""
        edges = self.edges
        return (edges[1:] + edges[:-1]) / 2

    def clipped(self, low: float, high: float) -> float:
        """Share of the values outside ``low..high``, by whole bins."""
        outside = (self.centres < low) | (self.centres > high)
        return float(self.counts[outside].sum() / self.counts.sum())


#: Gives the tensors of one batch after another, by name; called twice.
Batches = Callable[[], Iterable[dict[str, NDArray[np.float32]]]]


def histograms(batches: Batches) -> dict[str, Histogram]:
    """Return a histogram a tensor: one pass for the ends, a second one for the counts."""
    ends: dict[str, tuple[float, float]] = {}
    for batch in batches():
        for name, values in batch.items():
            low, high = ends.get(name, (np.inf, -np.inf))
            ends[name] = min(low, float(values.min())), max(high, float(values.max()))
    # A tensor that never moves still needs a width that float32 can divide into bins.
    ends = {name: (low, max(high, low + 1e-6, low + 1e-3 * abs(low))) for name, (low, high) in ends.items()}
    counts = {name: np.zeros(BINS) for name in ends}
    for batch in batches():
        for name, values in batch.items():
            counts[name] += np.histogram(values, BINS, ends[name])[0]
    return {name: Histogram(*ends[name], counts[name]) for name in ends}


def choose(method: Method, histogram: Histogram) -> Range:
    """Return the range of one tensor by a method."""
    low, high = _METHODS[method](histogram)
    low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if high > low else (low, low + 1e-6)


def choose_all(method: Method, found: dict[str, Histogram]) -> dict[str, Range]:
    """Return the range of each tensor by a method."""
    return {name: choose(method, histogram) for name, histogram in found.items()}


def quantized(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return values rounded to the 256 steps of a range, as an int8 runtime would (ties to even)."""
    scale = (high - low) / STEPS
    zero = np.round(-low / scale)
    result: NDArray[np.float64] = (np.clip(np.round(values / scale) + zero, 0, STEPS) - zero) * scale
    return result


def _minmax(histogram: Histogram) -> Range:
    return histogram.least, histogram.greatest


def _percentile(histogram: Histogram) -> Range:
    below = np.cumsum(histogram.counts) / histogram.counts.sum()
    low = histogram.edges[np.searchsorted(below, 1 - PERCENTILE)]
    high = histogram.edges[min(int(np.searchsorted(below, PERCENTILE)) + 1, BINS)]
    return float(low), float(high)


def _mse(histogram: Histogram) -> Range:
    """The range with the least mean squared error, over a grid of shorter and shorter ends."""
    centres, counts = histogram.centres, histogram.counts
    shares = np.linspace(0.3, 1.0, 36)
    low, high = min(histogram.least, 0.0), max(histogram.greatest, 0.0)
    best = (np.inf, low, high)
    for top in high * shares if high > 0 else [0.0]:
        for bottom in low * shares if low < 0 else [0.0]:
            error = float((counts * (quantized(centres, bottom, top) - centres) ** 2).sum())
            best = min(best, (error, bottom, top))
    return float(best[1]), float(best[2])


def _entropy(histogram: Histogram) -> Range:
    """The range whose 256 steps tell least less than the histogram: smallest Kullback-Leibler divergence.

    After Migacz 2017, "8-bit inference with TensorRT": values beyond the ends are counted at the ends, and each step
    spreads what it holds evenly over its occupied bins. The zeros that a ReLU leaves are exact in any range; they would
    drown all else, so their bin counts like its neighbours.
    """
    counts = histogram.counts.copy()
    zero = int(np.clip(np.searchsorted(histogram.edges, 0.0, "right") - 1, 0, BINS - 1))
    counts[zero] = np.mean([counts[side] for side in (zero - 1, zero + 1) if 0 <= side < BINS])
    shares = np.linspace(0.05, 1.0, 24)
    firsts = sorted({round(zero * (1 - share)) for share in shares})
    lasts = sorted({round(zero + 1 + (BINS - zero - 1) * share) for share in shares})
    best = (np.inf, 0, BINS)
    for first in firsts:
        for last in lasts:
            if last - first > STEPS:
                best = min(best, (_lost_by(counts, first, last), first, last))
    edges = histogram.edges
    return float(edges[best[1]]), float(edges[best[2]])


def _lost_by(counts: NDArray[np.float64], first: int, last: int) -> float:
    """Divergence of what the steps of ``first..last`` hold from what was there."""
    wanted = counts[first:last].copy()
    inside = wanted > 0
    step = np.arange(last - first) * (STEPS + 1) // (last - first)
    held = np.bincount(step, wanted, STEPS + 1)
    occupied = np.bincount(step, inside, STEPS + 1)
    spread = np.where(inside, held[step] / np.maximum(occupied[step], 1), 0.0)
    wanted[0] += counts[:first].sum()
    wanted[-1] += counts[last:].sum()
    return _divergence(wanted, spread)


def _divergence(wanted: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    p, q = wanted / wanted.sum(), given / max(given.sum(), 1e-12)
    there = p > 0
    return float((p[there] * np.log(p[there] / np.maximum(q[there], 1e-12))).sum())


_METHODS: dict[str, Callable[[Histogram], Range]] = {
    "minmax": _minmax,
    "percentile": _percentile,
    "entropy": _entropy,
    "mse": _mse,
}
