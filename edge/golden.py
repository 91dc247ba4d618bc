"""Golden answers: a picture of network inputs beside the config, and what checkpoint and files gave for them.

They are recorded where a bundle is made and compared on the machine where it runs (:mod:`edge.verify`). The inputs are
pixels, not pictures to be decoded, cropped and resized again: those steps differ between versions of OpenCV.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, check_file
from edge.errors import EdgeError

GOLDEN_NAME = "golden.png"

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
#: uint8 ``[N, S, S, 3]``, RGB, to logits ``[N, C]`` and valence/arousal ``[N, 2]``; :meth:`edge.engines.Engine.run`.
Run = Callable[[NDArray[np.uint8]], Outputs]


def answers(run: Run, images: NDArray[np.uint8]) -> Outputs:
    """Return what a network gives for images, fed one at a time (N = 1).

    Runtimes choose other kernels for larger batches, and those may differ in the last bits: answers are recorded and
    compared one by one, so that what is the same bit for bit stays so.
    """
    parts = [run(images[row : row + 1]) for row in range(len(images))]
    logits, affect = (np.concatenate(part) for part in zip(*parts, strict=True))
    return logits, affect


def encode(logits: NDArray[np.float32], valence_arousal: NDArray[np.float32]) -> str:
    """Return answers as text: base64 of ``[N, C + 2]`` little-endian float32, logits first, bit for bit."""
    table = np.concatenate((logits, valence_arousal), axis=1).astype("<f4")
    return base64.b64encode(table.tobytes()).decode()


def decode(text: str, images: int, classes: int, name: str = "model_config.json") -> Outputs:
    """Return ``(logits [N, C], valence_arousal [N, 2])`` of :func:`encode`.

    Args:
        text: what :func:`encode` gave.
        images: N.
        classes: C.
        name: of the config, for messages.

    Raises:
        EdgeError: no base64, no numbers, or not as many as N images and C classes need.
    """
    try:
        table = np.frombuffer(base64.b64decode(text, validate=True), "<f4").reshape(images, classes + 2)
        if not np.isfinite(table).all():
            raise ValueError("not finite")
    except ValueError as error:  # binascii.Error included
        raise EdgeError(f"{name}: recorded outputs are damaged; make the bundle again with edge-quantize") from error
    table = table.astype(np.float32)
    return table[:, :classes].copy(), table[:, classes:].copy()


def pack(images: NDArray[np.uint8]) -> bytes:
    """Return the PNG of network inputs uint8 ``[N, S, S, 3]``, RGB, one below the other."""
    count, size = images.shape[:2]
    column = images.reshape(count * size, size, 3)[:, :, ::-1]
    done, data = cv2.imencode(".png", column, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise RuntimeError("OpenCV cannot write a PNG")
    return data.tobytes()


def read_images(bundle: Bundle) -> NDArray[np.uint8]:
    """Return a bundle's golden inputs, uint8 ``[N, S, S, 3]``, RGB, after holding the file to its hash.

    Raises:
        EdgeError: the bundle has none, or the file is missing, damaged or of another shape than the config says.
    """
    golden = bundle.config.golden
    if golden is None:
        raise EdgeError(f"{bundle.folder} holds no golden answers; edge-quantize records them: run it again")
    path = bundle.folder / golden.file
    check_file(path, golden)
    column = cv2.imread(str(path), cv2.IMREAD_COLOR)
    size = bundle.config.input.size
    if column is None or column.shape != (golden.images * size, size, 3):
        raise EdgeError(f"{path} does not hold {golden.images} pictures of {size} px; restore the bundle")
    return np.ascontiguousarray(column[:, :, ::-1], np.uint8).reshape(golden.images, size, size, 3)
