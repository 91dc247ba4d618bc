"""Look at every image before a run of hours starts, and leave out the damaged ones while they are few."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from train.data.findings import Fault
from train.data.pictures import read_header
from train.data.samples import Samples

#: Pictures are decoded at one eighth: a JPEG decoder then leaves out most of its work.
_REDUCTION = 8
#: Largest difference between channels, of 255, that a gray picture shows after JPEG's colour conversion.
_GRAY = 6
#: Images a thread takes at a time.
_BLOCK = 64


@dataclasses.dataclass(frozen=True)
class Look:
    """What one image showed.

    Attributes:
        reason: why it cannot be used; empty where it is sound.
        width: pixels, 0 where unknown.
        height: pixels, 0 where unknown.
        gray: it holds no colour, where that was asked.
    """

    reason: str
    width: int = 0
    height: int = 0
    gray: bool = False


def sound(samples: Samples, allowed: float = 0.01) -> tuple[Samples, tuple[Fault, ...]]:
    """Decode every image, on threads and at reduced scale, and leave out what cannot be used.

    Missing and empty files, files that are no picture, JPEG and PNG files that were cut off, and face boxes outside
    their image are faults; so is what the reader already found (``samples.findings.faults``).

    Args:
        samples: a split.
        allowed: largest share of faults, 0..1, of all images the split should have.

    Returns:
        The sound rows, and every fault.

    Raises:
        EdgeError: more than the allowed share is bad, or nothing is left.
    """
    looks = look_at_all(samples)
    keep = np.array([not look.reason for look in looks], dtype=bool)
    faults = samples.findings.faults + tuple(
        Fault(samples.paths[row], look.reason) for row, look in enumerate(looks) if look.reason
    )
    total = len(samples) + len(samples.findings.faults)
    if faults and (len(faults) > allowed * total or not keep.any()):
        raise EdgeError(
            f"{samples.name}: {len(faults):,} of {total:,} images ({len(faults) / total:.1%}) cannot be used, and "
            f"{allowed:.1%} may be: {first_few(faults)}; restore them, or allow more with --max-damaged"
        )
    return (samples if keep.all() else samples.take(keep)), faults


def first_few(faults: tuple[Fault, ...], count: int = 3) -> str:
    """The first faults in one line."""
    named = "; ".join(f"{fault.path} ({fault.reason})" for fault in faults[:count])
    return named + (f"; and {len(faults) - count:,} more" if len(faults) > count else "")


def look_at_all(samples: Samples, color: bool = False) -> list[Look]:
    """Look at every image of a split, on as many threads as there are processors (OpenCV decodes without the GIL)."""

    def look(start: int) -> list[Look]:
        rows = range(start, min(start + _BLOCK, len(samples)))
        return [
            look_at(samples.paths[row], None if samples.boxes is None else samples.boxes[row], color) for row in rows
        ]

    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        return [look for block in pool.map(look, range(0, len(samples), _BLOCK)) for look in block]


def look_at(path: Path, box: NDArray[np.int64] | None = None, color: bool = False) -> Look:
    """Look at one image, and at the face box (x, y, w, h) in it where there is one; ``color``: find out ``gray``."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Look("missing")
    except OSError as error:
        return Look(f"cannot be read: {error.strerror}")
    if not data:
        return Look("empty file")
    header = read_header(data)
    if header and not header.complete:
        return Look("cut off: the end of the file is missing", header.width, header.height)
    picture = _decode(data, cv2.IMREAD_REDUCED_COLOR_8)
    if picture is None:
        return Look("no readable picture")
    if header is None:
        picture = _decode(data, cv2.IMREAD_COLOR)
        if picture is None:
            return Look("no readable picture")
    height, width = picture.shape[:2]
    scale = 1 if header is None else _REDUCTION
    if box is not None and _outside(box, width, height, scale, data):
        return Look(f"its face box {tuple(box.tolist())} lies outside the picture")
    gray = color and bool((picture.max(axis=2).astype(np.int16) - picture.min(axis=2) <= _GRAY).all())
    return Look("", header.width if header else width, header.height if header else height, gray)


def _outside(box: NDArray[np.int64], width: int, height: int, scale: int, data: bytes) -> bool:
    """Say whether nothing of a box lies inside; the reduced picture answers unless the box begins in its last pixel."""
    x, y, w, h = box.tolist()
    if x + w <= 0 or y + h <= 0 or w <= 0 or h <= 0 or x >= width * scale or y >= height * scale:
        return True
    if scale > 1 and (x >= (width - 1) * scale or y >= (height - 1) * scale):
        whole = _decode(data, cv2.IMREAD_COLOR)  # sizes are rounded up when reduced, so ask the picture itself
        return whole is None or x >= whole.shape[1] or y >= whole.shape[0]
    return False


def _decode(data: bytes, flags: int) -> NDArray[np.uint8] | None:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # a size beyond OpenCV's limit
        return None
    return None if picture is None else np.asarray(picture, np.uint8)
