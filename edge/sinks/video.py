"""The annotated video."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.overlay import Overlay
from edge.quiet import silent_stderr
from edge.types import Result


@dataclasses.dataclass(frozen=True)
class _Format:
    """What an ending stands for: the codec, and whether the file can be played before it is finished."""

    codec: str
    grows: bool


#: Measured with OpenCV's wheel at 640x480: a frame costs MPEG-4 1.2 ms, Motion JPEG 2.1 ms, VP8 11 ms, VP9 57 ms of one
#: core; H.264 and AV1 are not in it. Of all these, browsers play VP8 and VP9.
_FORMATS = {
    ".mp4": _Format("mp4v", grows=False),
    ".m4v": _Format("mp4v", grows=False),
    ".mov": _Format("mp4v", grows=False),
    ".avi": _Format("MJPG", grows=True),
    ".mkv": _Format("mp4v", grows=True),
    ".webm": _Format("VP80", grows=True),
}

#: Frames a second where the source states none, and the most that a live source gets: some state their clock's rate.
_FPS, _MOST = 25.0, 60.0

#: A live source that was away for longer than this goes on after so long a still, seconds.
_STILL = 2.0

#: With less room than this no frame is written any more, so that the file can still be finished, bytes.
_RESERVE = 16_000_000


class VideoSink:
    """Writes results with their overlay.

    Of files every frame is written once, at the source's rate. Frames of live sources come unevenly; they are repeated
    or left out where the video would otherwise run more than one frame early or late, so that it lasts as long as what
    it shows.

    An .mp4 or .mov can't be played until it is finished. It is written as ``name.partial.mp4`` and gets its name in the
    end, so what carries the name is whole. The others are played up to their last quarter of a megabyte when a process
    was killed.
    """

    def __init__(self, path: Path, fps: float | None, overlay: Overlay, *, live: bool = False) -> None:
        """Prepare; the file is created at once, so that an unwritable folder is known before the first frame.

        Args:
            path: its ending names the format.
            fps: frames a second as the source states them; None: 25.
            overlay: draws what is known about a frame.
            live: whether the frames' times, rather than their number, say how long the video is to be.

        Raises:
            EdgeError: unknown ending, the file can't be created, or there is no room for it.
        """
        form = _FORMATS.get(path.suffix.lower())
        if form is None:
            raise EdgeError(f"{path}: --save-video writes {', '.join(_FORMATS)}; choose one of these endings")
        self._path = path
        self._growing = path if form.grows else path.with_stem(f"{path.stem}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._check_room()
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._growing.open("wb").close()
        except OSError as error:
            raise EdgeError(f"cannot write {path}: {error.strerror}; choose another place for --save-video") from error
        self._codec = cv2.VideoWriter.fourcc(*form.codec)
        self._fps = min(fps or _FPS, _MOST) if live else fps or _FPS
        self._overlay = overlay
        self._timeline = _Timeline(self._fps) if live else None
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._last: NDArray[np.uint8] | None = None

    def write(self, result: Result) -> bool:
        """Draw and append one frame; the first one fixes the size, later ones are scaled to it.

        Raises:
            EdgeError: this OpenCV has no encoder for the format, or the disk is full.
        """
        repeats = 0
        if self._timeline is not None:
            stills = self._timeline.stills(result.frame.time)
            if stills is None:
                return True
            repeats = stills
        self._check_room()
        canvas = self._fitted(self._overlay.draw(result))
        writer = self._writer or self._open()
        if self._last is not None:
            for _ in range(repeats):
                writer.write(self._last)
        writer.write(canvas)
        self._last = canvas
        return True

    def close(self) -> None:
        """Finish the file; one without a single frame is removed.

        Raises:
            EdgeError: it can't get its name.
        """
        if self._writer is None:
            with contextlib.suppress(FileNotFoundError):
                if self._growing.stat().st_size == 0:
                    self._growing.unlink()
            return
        self._writer.release()
        self._writer = None
        if self._growing != self._path:
            try:
                self._growing.replace(self._path)
            except OSError as error:
                raise EdgeError(f"cannot write {self._path}: {error.strerror}; see {self._growing}") from error

    def _fitted(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # Even sides: most decoders expect them of 4:2:0 video.
        size = (canvas.shape[1] & ~1, canvas.shape[0] & ~1)
        if self._writer is None:
            self._size = size
        if size != self._size:
            canvas = np.asarray(cv2.resize(canvas, self._size), np.uint8)
        return canvas[: self._size[1], : self._size[0]]

    def _open(self) -> cv2.VideoWriter:
        with silent_stderr():
            self._writer = cv2.VideoWriter(str(self._growing), self._codec, self._fps, self._size)
        if not self._writer.isOpened():
            self._writer = None
            raise EdgeError(f"cannot write {self._path}: OpenCV has no encoder for it; try the ending .avi")
        return self._writer

    def _check_room(self) -> None:
        # The encoder doesn't say when a disk is full; it goes on, and the file can't be played.
        try:
            room = shutil.disk_usage(self._path.parent).free
        except OSError as error:
            raise EdgeError(f"cannot write {self._path}: {error.strerror}; frames written so far are kept") from error
        if room < _RESERVE:
            raise EdgeError(f"cannot write {self._path}: the disk is full; frames written so far are kept")


class _Timeline:
    """Turns uneven times into a constant rate."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._start = 0.0
        self._written = 0
        self._newest = 0.0

    def stills(self, time: float) -> int | None:
        """Return how often the picture before is repeated ahead of the one at hand; None leaves that one out.

        Up to a frame early or late is let pass: rounding every frame to its place would make even motion jerk.
        """
        if self._written == 0:
            self._start = time
        elif not self._newest <= time <= self._newest + _STILL:
            # It was away, or somebody set the clock: as if it had come as late as is shown.
            late = _STILL if time > self._newest else 1 / self._fps
            self._start += time - self._newest - late
        self._newest = time
        behind = (time - self._start) * self._fps - self._written
        if behind < -1:
            return None
        repeats = round(behind) if behind > 1 else 0
        self._written += repeats + 1
        return repeats
