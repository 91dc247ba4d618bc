"""Pictures and video files: every frame, in order, none dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.errors import EdgeError
from edge.quiet import silent_stderr
from edge.types import Frame

#: A container's frame count is often an estimate; up to this share missing is no damage.
_TOLERANCE = 0.02


class ImageSource:
    """Pictures, one second apart, so that what is smoothed in videos stays separate here."""

    live = False
    fps: float | None = None
    dropped = 0
    reconnects = 0
    captured = 0
    state = "ok"

    def __init__(self, name: str, pictures: Sequence[Path]) -> None:
        """Take the pictures in this order; they are read one at a time."""
        self.name = name
        self._pictures = pictures

    def frames(self) -> Iterator[Frame | None]:
        """Yield each picture.

        Raises:
            EdgeError: one of them is damaged or no picture.
        """
        for index, path in enumerate(self._pictures):
            with silent_stderr():
                image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                raise EdgeError(f"{path} is not a readable picture; remove or restore it")
            yield Frame(np.asarray(image, np.uint8), float(index), index)

    def close(self) -> None:
        """Nothing is open."""


class VideoSource:
    """A video file."""

    live = False
    dropped = 0
    reconnects = 0
    captured = 0
    state = "ok"

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            EdgeError: it is no video OpenCV can read.
        """
        self.name = str(path)
        with silent_stderr():  # FFmpeg's complaints about a damaged file; ours is one line
            self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise EdgeError(f"cannot open source {str(path)!r}: not a video or picture that OpenCV can read")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps: float | None = fps if 0 < fps <= 1000 else None

    def frames(self) -> Iterator[Frame | None]:
        """Yield each frame; ``time`` counts from the start of the video.

        Raises:
            EdgeError: the file ends well before the number of frames it states.
        """
        stated = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        index = 0
        while True:
            with silent_stderr():
                there, image = self._capture.read()
            if not there:
                break
            yield Frame(np.asarray(image, np.uint8), index / (self.fps or 25.0), index)
            index += 1
        if stated > 0 and stated - index > max(2, _TOLERANCE * stated):
            raise EdgeError(f"{self.name} breaks off after {index} of {stated} frames; results up to there are kept")

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
