"""Annotation rows as AffectNet's official forms hold them, before ids become labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.data.findings import Fault


class Table(NamedTuple):
    """N rows.

    ``expression`` float32 ``[N]``, the data set's own ids; ``affect`` float32 ``[N, 2]``, valence and arousal, -2 where
    not annotated; ``boxes`` int64 ``[N, 4]`` (x, y, w, h) in pixels, or None; ``faults``: rows that are not among them.
    """

    paths: list[Path]
    expression: NDArray[np.float32]
    affect: NDArray[np.float32]
    boxes: NDArray[np.int64] | None
    faults: tuple[Fault, ...]

    @classmethod
    def of(
        cls,
        paths: list[Path],
        numbers: Sequence[Sequence[float]],
        faults: Sequence[Fault],
        boxes: Sequence[Sequence[int]] | None = None,
    ) -> Table:
        """Build one from ``(expression, valence, arousal)`` a row, and a face box a row where there are boxes."""
        values = np.array(numbers, dtype=np.float32).reshape(-1, 3)
        table = None if boxes is None else np.array(boxes, dtype=np.int64).reshape(-1, 4)
        return cls(paths, values[:, 0].copy(), np.ascontiguousarray(values[:, 1:]), table, tuple(faults))
