"""From a picture to network input: crop by face box and eye line, resize. The one implementation everybody calls.

Training's validation, calibration, benchmarks and the runtime all come through here, so that a network never meets a
picture prepared in another way than the one it was taught and measured with. Normalisation is not here: it is inside
every exported graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import Crop
from edge.types import Face

Image = NDArray[np.uint8]


def resize(image: Image, size: int, source_size: int | None = None) -> Image:
    """Return a whole picture as a square network input.

    Args:
        image: uint8 ``[H, W, 3]``, any channel order (it is kept).
        size: side of the result, pixels.
        source_size: see :class:`edge.bundle.Crop`; a larger picture is first brought down to this side, so that it
            holds no more detail than the training pictures did.

    Returns:
        uint8 ``[size, size, 3]``. Shrinking averages areas; enlarging is OpenCV's bit-exact bilinear, which gives
        the same bytes on every processor.
    """
    native = min(source_size or size, size)
    if max(image.shape[:2]) > native:
        image = _scaled(image, native)
    return _scaled(image, size)


def crop_face(frame: Image, face: Face, crop: Crop, size: int) -> Image:
    """Return the network input for one face.

    The square around the face box (side ``crop.scale`` times the box's, moved by ``crop.shift_y`` box sides along the
    face's own vertical) is turned upright by the line through the eyes, sampled without aliasing, and resized.

    Args:
        frame: uint8 ``[H, W, 3]``, BGR, as cameras and OpenCV give it.
        face: box and landmarks in pixels of ``frame``.
        crop: geometry, from the model's config.
        size: side of the result, pixels.

    Returns:
        uint8 ``[size, size, 3]``, RGB. What lies outside the frame repeats its border.
    """
    x, y, w, h = face.box
    side = crop.scale * (w + h) / 2
    angle = eye_angle(face) if crop.align == "eyes" else 0.0
    cos, sin = math.cos(angle), math.sin(angle)
    down = crop.shift_y * (w + h) / 2
    cx, cy = x + w / 2 - sin * down, y + h / 2 + cos * down

    native = min(crop.source_size or size, size)
    # Sample at least one point a source pixel, then average down: a large face must not alias into a small input.
    factor = max(1, min(16, math.ceil(side / native)))
    wide = native * factor
    step = side / wide
    # Pixel centre of output (u, v) in the frame: centre + R * step * ((u, v) - (wide - 1) / 2), minus half a pixel
    # because face coordinates count from the corner of the first pixel and array positions from its centre.
    half = (wide - 1) / 2
    a, b = step * cos, step * sin
    inverse = np.array(
        [[a, -b, cx - 0.5 - a * half + b * half], [b, a, cy - 0.5 - b * half - a * half]],
        dtype=np.float64,
    )
    patch = cv2.warpAffine(
        frame,
        inverse,
        (wide, wide),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    small = resize(np.asarray(patch, np.uint8), size, crop.source_size)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def crop_faces(frame: Image, faces: Sequence[Face], crop: Crop, size: int) -> Image:
    """Return one batch ``[N, size, size, 3]``, uint8 RGB, for all faces of a BGR frame."""
    batch = np.empty((len(faces), size, size, 3), np.uint8)
    for row, face in enumerate(faces):
        batch[row] = crop_face(frame, face, crop, size)
    return batch


def eye_angle(face: Face) -> float:
    """Angle of the line from the face's right eye to its left one, in radians, positive clockwise on screen.

    Zero for a face without landmarks. Beyond 60 degrees the landmarks are not trusted and the face is left as it is.
    """
    if len(face.landmarks) < 2:
        return 0.0
    (rx, ry), (lx, ly) = face.landmarks[0], face.landmarks[1]
    angle = math.atan2(ly - ry, lx - rx)
    return angle if abs(angle) <= math.radians(60) else 0.0


def _scaled(image: Image, side: int) -> Image:
    if image.shape[0] == side and image.shape[1] == side:
        return image
    shrinking = image.shape[0] > side or image.shape[1] > side
    result = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR_EXACT)
    return np.asarray(result, np.uint8)
