"""BlazeFace run directly on the TFLite runtime: a whole picture, letterboxed into the model's square input.

The models are MediaPipe's (Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond neural face detection on mobile GPUs");
anchor layout, scales and thresholds are those of its face_detection_short_range and face_detection_full_range graphs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.detect.network import FULL_RANGE, SHORT_RANGE, Network, Variant, anchors, decode, merge, overlap
from edge.types import Face

__all__ = [
    "FULL_RANGE",
    "SHORT_RANGE",
    "BlazeFace",
    "Variant",
    "anchors",
    "decode",
    "face_of",
    "letterbox",
    "margins",
    "merge",
    "overlap",
]


class BlazeFace:
    """A BlazeFace model on LiteRT."""

    def __init__(self, variant: Variant = FULL_RANGE, min_score: float = 0.5, threads: int | None = None) -> None:
        """Load a packaged model.

        Args:
            variant: :data:`SHORT_RANGE` or :data:`FULL_RANGE`.
            min_score: least confidence of a reported face, 0..1.
            threads: CPU threads; None: one.

        Raises:
            EdgeError: the model file is damaged, or no TFLite runtime is installed.
        """
        self.variant = variant
        self._min_score = min_score
        self._network = Network(variant, threads)
        self.name = self._network.name

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a BGR picture ``[H, W, 3]``, best score first."""
        size = self.variant.size
        square, scale, left, top = letterbox(image, size)
        found = self._network.run(square, self._min_score)
        return [face_of(values * size, score, scale, left, top) for values, score in found]

    def close(self) -> None:
        """Release the interpreter."""
        self._network.close()


def face_of(values: NDArray[np.float64], score: float, scale: float, left: float, top: float) -> Face:
    """Undo a letterbox: from corner form ``[16]`` in the square's pixels to a face in the picture's."""
    xy = ((values.reshape(-1, 2) - (left, top)) / scale).tolist()
    (x0, y0), (x1, y1) = xy[:2]
    return Face((x0, y0, x1 - x0, y1 - y0), score, tuple((x, y) for x, y in xy[2:]))


def margins(image: NDArray[np.uint8], size: int) -> tuple[float, float, float]:
    """Return how a picture fits into a square: the scale, and the left and top margin in the square's pixels."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    return scale, (size - width * scale) / 2, (size - height * scale) / 2


def letterbox(image: NDArray[np.uint8], size: int) -> tuple[NDArray[np.uint8], float, float, float]:
    """Fit a picture into a black square without distorting it.

    Sampled as MediaPipe does it: bilinear, corner to corner. Averaging areas or shifting by half a pixel looks more
    correct and moves landmarks by several percent of the face, away from what the models were taught.

    Returns:
        The square ``[size, size, 3]``, the scale, and the left and top margin in its pixels.
    """
    scale, left, top = margins(image, size)
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    square = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(square, np.uint8), scale, left, top
