"""Two detectors, the second asked only when the first finds nobody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.detect.loading import Detector
from edge.types import Face


class Cascade:
    """The full-range model finds people across the room; a face that fills the picture is the short-range model's."""

    def __init__(self, first: Detector, second: Detector) -> None:
        self._first, self._second = first, second
        self._turn = False

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the first detector's faces, or the second's where there are none."""
        return self._first.detect(image) or self._second.detect(image)

    def alternate(self, image: NDArray[np.uint8]) -> list[Face]:
        """Ask one detector, and at the next call the other: half the cost where nobody has been seen for a while."""
        self._turn = not self._turn
        return (self._first if self._turn else self._second).detect(image)

    def close(self) -> None:
        """Close both."""
        self._first.close()
        self._second.close()
