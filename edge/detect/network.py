"""A BlazeFace network on the TFLite runtime, for its own square input or for a rectangle of another size.

The networks are fully convolutional: a window of the picture they were made for goes through the same weights, and
costs as much less as it is smaller. Only a few constants in the file know the size of the input.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assets import asset
from edge.engines.litert import interpreter
from edge.errors import EdgeError

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

#: Values of one detection: box centre and size, then six points.
_VALUES = 16

#: Overlap (intersection over union) from which two detections are the same face; MediaPipe's value.
_OVERLAP = 0.3

#: MediaPipe clips raw scores before the sigmoid, so that exp() stays finite.
_SCORE_LIMIT = 100.0

#: What the networks take for each byte: 0..255 becomes -1..1.
_LEVELS = np.arange(256, dtype=np.float32) * np.float32(2 / 255) - np.float32(1)

#: Pixels that the full-range network halves five times; its windows are multiples of this.
STRIDE = 32


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


class Network:
    """One of the two models with an interpreter of its own."""

    def __init__(self, variant: Variant, threads: int | None = None, window: tuple[int, int] | None = None) -> None:
        """Load a packaged model.

        Args:
            variant: :data:`SHORT_RANGE` or :data:`FULL_RANGE`.
            threads: CPU threads; None: one (see :func:`edge.engines.litert.interpreter`).
            window: width and height of another input than the model's own, multiples of :data:`STRIDE`; full range
                only.

        Raises:
            EdgeError: the model file is damaged, or no TFLite runtime is installed.
        """
        self.variant = variant
        self.width, self.height = window or (variant.size, variant.size)
        self._anchors = anchors(variant, self.width, self.height)
        path = asset(variant.file)
        if window is None:
            self._interpreter, self.name = interpreter(path, threads)
        else:
            content = resized(path.read_bytes(), self.width, self.height)
            shape = (1, self.height, self.width, 3)
            self._interpreter, self.name = interpreter(path, threads, content, shape)
        self._input = self._interpreter.get_input_details()[0]["index"]
        # One output is [1, anchors, 16] (boxes and points), the other [1, anchors, 1] (scores).
        outputs = sorted(self._interpreter.get_output_details(), key=lambda output: -output["shape"][-1])
        self._boxes, self._scores = outputs[0]["index"], outputs[1]["index"]
        self._rgb = np.empty((self.height, self.width, 3), np.uint8)
        self._tensor = np.empty((1, self.height, self.width, 3), np.float32)

    def run(self, picture: Image, min_score: float) -> list[tuple[NDArray[np.float64], float]]:
        """Return what a BGR picture of exactly the input's size shows, best score first.

        Returns:
            For each face its corner form ``[16]`` (see :func:`decode`) in shares of the *variant's* size, counted from
            the top left corner of the picture, and its score.
        """
        # A table of 256 values gives the same bits as multiplying and subtracting, four times as fast.
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=self._rgb)
        cv2.LUT(self._rgb, _LEVELS, dst=self._tensor[0])
        self._interpreter.set_tensor(self._input, self._tensor)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._scores)[0, :, 0]
        # Thousands of anchors, a few of them likely: the sigmoid and the boxes are worked out for those alone, and with
        # few calls: right after a network has swept the processor's caches, each costs several times what it should.
        likely = np.flatnonzero(logits >= _logit(min_score) - 1e-3)
        if not len(likely):
            return []
        scores = [1 / (1 + math.exp(-min(max(x, -_SCORE_LIMIT), _SCORE_LIMIT))) for x in logits[likely].tolist()]
        raw = self._interpreter.get_tensor(self._boxes)[0]
        found = merge(decode(raw[likely], self._anchors[likely], self.variant.size), scores)
        return [(values, score) for values, score in found if score >= min_score]

    def close(self) -> None:
        """Release the interpreter."""
        self._interpreter = None


def resized(model: bytes, width: int, height: int) -> bytes:
    """Return the full-range model for another input.

    It enlarges its coarse feature maps to fixed sizes (12, 24 and 48 cells for an input of 192 pixels), three pairs of
    numbers in the file. They become those that fit.

    Args:
        model: the content of the packaged file.
        width: of the input, pixels, a multiple of :data:`STRIDE`.
        height: likewise.

    Raises:
        EdgeError: the file is not the one this was written for.
    """
    for cells in (12, 24, 48):
        # In the file, an array of 8 bytes: its length, then rows and columns.
        before = struct.pack("<3i", 8, cells, cells)
        after = struct.pack("<3i", 8, cells * height // FULL_RANGE.size, cells * width // FULL_RANGE.size)
        if model.count(before) != 1:
            raise EdgeError(f"{FULL_RANGE.file} is another model than the packaged one; install emot-edge again")
        model = model.replace(before, after)
    return model


def anchors(variant: Variant, width: int | None = None, height: int | None = None) -> Floats:
    """Return the anchors' centres ``[A, 2]`` (x, y) as shares of the variant's size; their size is fixed at one.

    Args:
        variant: the model.
        width: of another input than its own, pixels.
        height: likewise.
    """
    rows = []
    for cells, repeats in variant.grids:
        across, down = (cells * (side or variant.size) // variant.size for side in (width, height))
        y, x = np.meshgrid(
            (np.arange(down, dtype=np.float32) + 0.5) / cells,
            (np.arange(across, dtype=np.float32) + 0.5) / cells,
            indexing="ij",
        )
        rows.append(np.repeat(np.stack((x, y), axis=-1).reshape(-1, 2), repeats, axis=0))
    return np.concatenate(rows)


def decode(raw: Floats, centres: Floats, size: int) -> Floats:
    """Return corner form ``[n, 16]``: x0, y0, x1, y1, then six points, all as shares of the input.

    Args:
        raw: the model's values ``[n, 16]``: offset of the box centre, size, offsets of the points, in input pixels.
        centres: the anchors of these rows ``[n, 2]``.
        size: side of the input, pixels.
    """
    values: Floats = raw / np.float32(size)
    points = values.reshape(-1, _VALUES // 2, 2)
    points[:, 2:] += centres[:, None]
    half = points[:, 1] / 2
    points[:, 0] += centres
    np.add(points[:, 0], half, out=points[:, 1])
    points[:, 0] -= half
    return values


def merge(values: Floats, scores: Sequence[float]) -> list[tuple[NDArray[np.float64], float]]:
    """Weighted non-maximum suppression, as MediaPipe does it.

    The best detection and all that overlap it become one: their score-weighted mean, under the best score. The boxes
    shake less from frame to frame than with plain suppression.
    """
    merged: list[tuple[NDArray[np.float64], float]] = []
    boxes = values[:, :4].tolist()
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    while order:
        best = order[0]
        # A degenerate box does not even overlap itself.
        group = [index for index in order if index == best or overlap(boxes[best], boxes[index]) > _OVERLAP]
        weights = np.array([scores[index] for index in group])
        mean = (values[group] * weights[:, None]).sum(axis=0) / weights.sum()
        merged.append((mean, scores[best]))
        order = [index for index in order if index not in group]
    return merged


def overlap(box: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes in corner form, 0..1."""
    across = min(box[2], other[2]) - max(box[0], other[0])
    along = min(box[3], other[3]) - max(box[1], other[1])
    common = max(across, 0.0) * max(along, 0.0)
    either = (box[2] - box[0]) * (box[3] - box[1]) + (other[2] - other[0]) * (other[3] - other[1]) - common
    return common / either if either > 0 else 0.0


def _logit(share: float) -> float:
    return math.log(share / (1 - share)) if 0 < share < 1 else math.inf * (share - 0.5)
