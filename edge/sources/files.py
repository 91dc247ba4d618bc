"""Pictures and video files: every frame, in order, none dropped unless they are played in real time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.quiet import silent_stderr
from edge.sources.capture import quieten, stated_fps
from edge.sources.options import SourceOptions
from edge.sources.played import PlayedSource

#: A container's frame count is often an estimate; up to this share missing is no damage.
_TOLERANCE = 0.02

#: Frames a second of a file that states none.
_FPS = 25.0


class ImageSource(PlayedSource):
    """Pictures, one second apart, so that what is smoothed in videos stays separate here."""

    def __init__(self, name: str, pictures: Sequence[Path], options: SourceOptions | None = None) -> None:
        """Take the pictures in this order; they are read one at a time."""
        super().__init__(name, None, options, 1.0)
        self._pictures = pictures

    def _play(self) -> Iterator[Callable[[], NDArray[np.uint8]]]:
        return (partial(_read, path) for path in self._pictures)


class VideoSource(PlayedSource):
    """A video file."""

    def __init__(self, path: Path, options: SourceOptions | None = None) -> None:
        """Open the file.

        Raises:
            EdgeError: it is no video OpenCV can read.
        """
        self._path = path
        self._capture = self._open()
        self._at_start = True
        self._lock = threading.Lock()
        fps = stated_fps(self._capture)
        super().__init__(str(path), fps, options, fps or _FPS)

    def close(self) -> None:
        """Close the file, once a frame that is being decoded is done."""
        super().close()
        with self._lock:
            self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        quieten()
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise EdgeError(f"cannot open source {str(self._path)!r}: not a video or picture that OpenCV can read")
        return capture

    def _play(self) -> Iterator[Callable[[], NDArray[np.uint8]]]:
        """Go through the file, from an opening of its own: not every container can be wound back.

        Raises:
            EdgeError: the file ends well before the number of frames it states.
        """
        if not self._at_start:
            with self._lock:
                self._capture.release()
                self._capture = self._open()
        self._at_start = False
        stated = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        count = 0
        while self._grab():
            count += 1
            yield self._picture
        if self._closed.is_set():
            return
        if stated > 0 and stated - count > max(2, _TOLERANCE * stated):
            raise EdgeError(f"{self.name} breaks off after {count} of {stated} frames; results up to there are kept")

    def _grab(self) -> bool:
        with self._lock:
            return not self._closed.is_set() and self._capture.grab()

    def _picture(self) -> NDArray[np.uint8]:
        with self._lock:
            there, image = self._capture.retrieve()
        if not there:
            raise EdgeError(f"{self.name} is damaged; results up to there are kept")
        return np.asarray(image, np.uint8)


def _read(path: Path) -> NDArray[np.uint8]:
    with silent_stderr():  # the complaints of the decoders about a damaged file; ours is one line
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise EdgeError(f"{path} is not a readable picture; remove or restore it")
    return np.asarray(image, np.uint8)
