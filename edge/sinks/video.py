"""The annotated video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.errors import EdgeError
from edge.overlay import Overlay
from edge.quiet import silent_stderr
from edge.types import Result

_CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}


class VideoSink:
    """Writes every frame with its overlay. The frame rate is the source's, or 25 where it states none."""

    def __init__(self, path: Path, fps: float | None, overlay: Overlay) -> None:
        """Prepare; the file is created at once, so that an unwritable folder is known before the first frame.

        Raises:
            EdgeError: unknown ending, or the file can't be created.
        """
        if path.suffix.lower() not in _CODECS:
            raise EdgeError(f"{path}: --save-video writes {', '.join(_CODECS)}; choose one of these endings")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("wb").close()
        except OSError as error:
            raise EdgeError(f"cannot write {path}: {error.strerror}; choose another place for --save-video") from error
        self._path = path
        self._fps = fps or 25.0
        self._overlay = overlay
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, result: Result) -> bool:
        """Draw and append one frame; the first one fixes the size, later ones are scaled to it."""
        canvas = self._overlay.draw(result)
        # Even sides: most decoders expect them of 4:2:0 video.
        size = (canvas.shape[1] & ~1, canvas.shape[0] & ~1)
        if self._writer is None:
            self._size = size
            codec = cv2.VideoWriter.fourcc(*_CODECS[self._path.suffix.lower()])
            with silent_stderr():
                self._writer = cv2.VideoWriter(str(self._path), codec, self._fps, size)
            if not self._writer.isOpened():
                raise EdgeError(f"cannot write {self._path}: OpenCV has no encoder for it; try the ending .avi")
        if size != self._size:
            canvas = np.asarray(cv2.resize(canvas, self._size), np.uint8)
        self._writer.write(canvas[: self._size[1], : self._size[0]])
        return True

    def close(self) -> None:
        """Finish the file; one without a single frame is removed."""
        if self._writer is not None:
            self._writer.release()
        elif self._path.exists() and self._path.stat().st_size == 0:
            self._path.unlink()
