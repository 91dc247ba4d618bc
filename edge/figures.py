"""From counts to the figures that a bundle's config records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.bundle import ClassMetrics


def class_metrics(confusion: NDArray[np.integer], labels: Sequence[str]) -> dict[str, ClassMetrics]:
    """Return the figures of each label that occurs, from counts ``[C, C]`` (rows the label, columns the prediction)."""
    hits, images, named = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return {
        label: ClassMetrics(
            images=int(images[i]),
            recall=float(hits[i] / images[i]),
            precision=float(hits[i] / named[i]) if named[i] else None,
        )
        for i, label in enumerate(labels)
        if images[i]
    }
