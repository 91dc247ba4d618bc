"""What a live source reads: an open camera or stream, picture by picture."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.sources.options import Rotation

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class LostError(Exception):
    """An open camera or stream gives no more pictures; the message says why in a few words."""


class UnavailableError(EdgeError):
    """A camera or stream can't be opened now; it may come back.

    Attributes:
        reason: why, in a few words.
    """

    def __init__(self, what: str, name: str, reason: str, remedy: str) -> None:
        super().__init__(f"cannot open {what} {name!r}: {reason}; {remedy}")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Picture:
    """What a device gives at once.

    Attributes:
        image: uint8 ``[H, W, 3]``, BGR, memory of its own.
        lores: the same moment in a smaller picture, or None.
        age: seconds between the exposure and the moment it was read, as far as the device tells.
    """

    image: NDArray[np.uint8]
    lores: NDArray[np.uint8] | None = None
    age: float = 0.0


class Device(Protocol):
    """An open camera or stream.

    Attributes:
        fps: frames a second as the device states them; None where it doesn't.
        notes: what was asked for and not granted, a line each.
    """

    @property
    def fps(self) -> float | None: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def read(self) -> Picture:
        """Wait for the next picture.

        Raises:
            LostError: there are no more.
        """

    def close(self) -> None:
        """Release the device; called by the thread that reads."""


def turned(image: NDArray[np.uint8], rotation: Rotation) -> NDArray[np.uint8]:
    """Return a picture turned clockwise by 0, 90, 180 or 270 degrees; at 0 the very same one."""
    return image if rotation == 0 else np.asarray(cv2.rotate(image, _TURNS[rotation]), np.uint8)
