"""A camera or stream that OpenCV reads."""

from __future__ import annotations

import os
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.quiet import silent_stderr
from edge.sources.device import LostError, Picture, turned
from edge.sources.options import Rotation

#: So many damaged pictures in a row are a loss; webcams send single ones now and then.
_DAMAGED = 30


class CaptureDevice:
    """Reads a ``cv2.VideoCapture`` that is open."""

    def __init__(
        self,
        capture: cv2.VideoCapture,
        *,
        stall_timeout: float,
        rotation: Rotation = 0,
        notes: tuple[str, ...] = (),
        noisy: bool = False,
    ) -> None:
        """Take over the capture.

        Args:
            capture: open, and set up with a read timeout where its backend knows one.
            stall_timeout: that timeout, seconds; tells a stall from an end.
            rotation: clockwise, degrees.
            notes: what the device didn't grant.
            noisy: its pictures are JPEGs, about whose smallest flaws libjpeg complains on the terminal.
        """
        self.fps = stated_fps(capture)
        self.notes = notes
        self._capture = capture
        self._stall_timeout = stall_timeout
        self._rotation: Rotation = rotation
        self._noisy = noisy

    def read(self) -> Picture:
        """Wait for the next picture; see :meth:`edge.sources.device.Device.read`."""
        for _ in range(_DAMAGED):
            began = time.monotonic()
            if not self._capture.grab():
                waited = time.monotonic() - began
                raise LostError(f"no picture for {waited:.0f} s" if waited > 0.8 * self._stall_timeout else "it ended")
            image = self._decode()
            if image is not None:
                return Picture(turned(as_bgr(image), self._rotation))
        raise LostError("only damaged pictures")

    def close(self) -> None:
        """Release the capture."""
        self._capture.release()

    def _decode(self) -> NDArray[Any] | None:
        if self._noisy:
            with silent_stderr():  # around the decoding alone: waiting for a picture takes nearly all of the time
                there, image = self._capture.retrieve()
        else:
            there, image = self._capture.retrieve()
        return image if there and image is not None and image.size else None


def as_bgr(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a picture as uint8 ``[H, W, 3]``: some cameras give gray or 16-bit ones."""
    if image.dtype == np.uint16:
        image = np.asarray(image >> 8, np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:
        return np.asarray(cv2.cvtColor(np.asarray(image, np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)
    return np.asarray(image[:, :, :3], np.uint8)


def stated_fps(capture: cv2.VideoCapture) -> float | None:
    """Return the frames a second that a capture states; None where it doesn't, or states nonsense."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps <= 1000 else None


def quieten() -> None:
    """Keep FFmpeg and OpenCV from printing; ours is one line. A level that the user's environment sets is left."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # OpenCV 5 moved it.
        set_level = cv2.utils.logging.setLogLevel if hasattr(cv2.utils, "logging") else vars(cv2)["setLogLevel"]
        set_level(0)
