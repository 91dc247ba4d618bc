"""BlazeFace run directly on the TFLite runtime: anchors, decoding, non-maximum suppression.

The models are MediaPipe's (Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond neural face detection on mobile GPUs");
anchor layout, scales and thresholds are those of its face_detection_short_range and face_detection_full_range graphs.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assets import asset
from edge.engines.litert import interpreter
from edge.types import Face

Floats = NDArray[np.float32]

#: Values of one detection: box centre and size, then six points.
_VALUES = 16
_POINTS = 6

#: Overlap (intersection over union) from which two detections are the same face; MediaPipe's value.
_OVERLAP = 0.3

#: MediaPipe clips raw scores before the sigmoid, so that exp() stays finite.
_SCORE_LIMIT = 100.0


@dataclasses.dataclass(frozen=True)
class Variant:
    """One of the two models.

    Attributes:
        file: name of the packaged model.
        size: side of its square input, pixels; also the unit of its raw boxes.
        grids: (cells per side, anchors per cell) of each feature map, in the order of the outputs.
    """

    file: str
    size: int
    grids: tuple[tuple[int, int], ...]


#: Strides 8, 16, 16, 16 with two anchors each: 896 anchors.
SHORT_RANGE = Variant("blaze_face_short_range.tflite", 128, ((16, 2), (8, 6)))
#: Stride 4, one anchor each: 2304 anchors.
FULL_RANGE = Variant("blaze_face_full_range.tflite", 192, ((48, 1),))


class BlazeFace:
    """A BlazeFace model on LiteRT."""

    def __init__(self, variant: Variant = FULL_RANGE, min_score: float = 0.5, threads: int | None = None) -> None:
        """Load a packaged model.

        Args:
            variant: :data:`SHORT_RANGE` or :data:`FULL_RANGE`.
            min_score: least confidence of a reported face, 0..1.
            threads: CPU threads; None leaves the runtime's choice.

        Raises:
            EdgeError: the model file is damaged, or no TFLite runtime is installed.
        """
        self.variant = variant
        self._min_score = min_score
        self._anchors = anchors(variant)
        self._interpreter, self.name = interpreter(asset(variant.file), threads)
        self._input = self._interpreter.get_input_details()[0]["index"]
        # One output is [1, anchors, 16] (boxes and points), the other [1, anchors, 1] (scores).
        outputs = sorted(self._interpreter.get_output_details(), key=lambda output: -output["shape"][-1])
        self._boxes, self._scores = outputs[0]["index"], outputs[1]["index"]
        self._tensor = np.empty((1, variant.size, variant.size, 3), np.float32)

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a BGR picture ``[H, W, 3]``, best score first."""
        size = self.variant.size
        square, scale, left, top = letterbox(image, size)
        # 0..255 to -1..1, and BGR to RGB, in one pass over a buffer that is kept.
        np.multiply(square[None, :, :, ::-1], np.float32(2 / 255), out=self._tensor)
        self._tensor -= 1
        self._interpreter.set_tensor(self._input, self._tensor)
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._boxes)[0]
        logits = self._interpreter.get_tensor(self._scores)[0, :, 0]
        scores = 1 / (1 + np.exp(-np.clip(logits, -_SCORE_LIMIT, _SCORE_LIMIT).astype(np.float64)))
        likely = np.flatnonzero(scores >= self._min_score)
        points = decode(raw[likely], self._anchors[likely], size)
        faces = merge(points, scores[likely])
        return [self._face(values, score, scale, left, top) for values, score in faces]

    def close(self) -> None:
        """Release the interpreter."""
        self._interpreter = None

    def _face(self, values: Floats, score: float, scale: float, left: float, top: float) -> Face:
        """Undo the letterbox: from shares of the model's input to pixels of the picture."""
        xy = (values.reshape(-1, 2) * self.variant.size - (left, top)) / scale
        (x0, y0), (x1, y1) = xy[0], xy[1]
        landmarks = tuple((float(x), float(y)) for x, y in xy[2:])
        return Face((float(x0), float(y0), float(x1 - x0), float(y1 - y0)), float(score), landmarks)


def letterbox(image: NDArray[np.uint8], size: int) -> tuple[NDArray[np.uint8], float, float, float]:
    """Fit a picture into a black square without distorting it.

    Sampled as MediaPipe does it: bilinear, corner to corner. Averaging areas or shifting by half a pixel looks more
    correct and moves landmarks by several percent of the face, away from what the models were taught.

    Returns:
        The square ``[size, size, 3]``, the scale, and the left and top margin in its pixels.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    left, top = (size - width * scale) / 2, (size - height * scale) / 2
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    square = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(square, np.uint8), scale, left, top


def anchors(variant: Variant) -> Floats:
    """Return the anchors' centres ``[A, 2]`` (x, y) as shares of the input; their size is fixed at one."""
    rows = []
    for cells, repeats in variant.grids:
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        rows.append(np.repeat(np.stack((x, y), axis=-1).reshape(-1, 2), repeats, axis=0))
    return np.concatenate(rows)


def decode(raw: Floats, centres: Floats, size: int) -> Floats:
    """Return corner form ``[n, 16]``: x0, y0, x1, y1, then six points, all as shares of the input.

    Args:
        raw: the model's values ``[n, 16]``: offset of the box centre, size, offsets of the points, in input pixels.
        centres: the anchors of these rows ``[n, 2]``.
        size: side of the input, pixels.
    """
    values = raw.reshape(-1, _VALUES // 2, 2) / np.float32(size)
    centre = values[:, 0] + centres
    half = values[:, 1] / 2
    points = values[:, 2:] + centres[:, None]
    return np.concatenate((centre - half, centre + half, points.reshape(-1, 2 * _POINTS)), axis=1)


def merge(values: Floats, scores: Floats) -> list[tuple[Floats, float]]:
    """Weighted non-maximum suppression, as MediaPipe does it.

    The best detection and all that overlap it become one: their score-weighted mean, under the best score. The boxes
    shake less from frame to frame than with plain suppression.
    """
    merged: list[tuple[Floats, float]] = []
    order = np.argsort(-scores, kind="stable")
    while len(order):
        best = order[0]
        same = overlap(values[best, :4], values[order, :4]) > _OVERLAP
        same[0] = True  # also a degenerate box overlaps itself
        group = order[same]
        merged.append((np.average(values[group], axis=0, weights=scores[group]), float(scores[best])))
        order = order[~same]
    return merged


def overlap(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one corner-form box ``[4]`` with boxes ``[n, 4]``."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    area = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - common
    result: Floats = np.divide(common, area, out=np.zeros_like(common), where=area > 0)
    return result
