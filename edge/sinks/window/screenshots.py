"""A moment kept: the picture as shown, the picture as it came, and its event."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.events import encode
from edge.files import write_atomically
from edge.types import Result


def keep(folder: Path, result: Result, drawn: NDArray[np.uint8]) -> Path:
    """Write ``STEM.png`` (drawn), ``STEM-plain.png`` (the frame alone) and ``STEM.json`` (its event).

    The stem is the time of day and the frame's index. The event comes last: where it is, all three are.

    Args:
        folder: made where it is missing.
        result: what was shown.
        drawn: BGR picture with everything drawn on it.

    Returns:
        The first file.

    Raises:
        EdgeError: the folder can't be written to, or the disk is full.
    """
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-f{result.frame.index:06d}"
    path = folder / f"{stem}.png"
    copy = 2
    while path.exists():
        path = folder / f"{stem}-{copy}.png"
        copy += 1
    try:
        write_atomically(path, _png(drawn))
        write_atomically(path.with_name(f"{path.stem}-plain.png"), _png(result.frame.image))
        write_atomically(path.with_suffix(".json"), encode(result) + b"\n")
    except EdgeError as error:
        raise EdgeError(f"{error} (--captures)") from error
    return path


def _png(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
