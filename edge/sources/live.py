"""Cameras and network streams: the newest frame wins, a lost device is opened again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.quiet import silent_stderr
from edge.types import Frame

#: Seconds between attempts to open a lost source: doubled each time, up to the second value.
_BACKOFF = (0.5, 30.0)

#: How long :meth:`LiveSource.frames` waits before it lets its reader look up, seconds.
_PATIENCE = 0.1


class LiveSource:
    """A camera by index or device path, or a stream by URL, read in its own thread."""

    live = True

    def __init__(self, name: str, target: int | str) -> None:
        """Open the source and start reading.

        Raises:
            EdgeError: it can't be opened now. Once it was open, losing it is not an error any more.
        """
        self.name = name
        self._target = target
        self.dropped = 0
        self.reconnects = 0
        self.captured = 0
        self.state = "ok"
        self._capture = _open(target)
        if self._capture is None:
            what = "camera" if isinstance(target, int) or target.startswith("/dev/") else "stream"
            raise EdgeError(
                f"cannot open {what} {name!r}: not there, busy, or not permitted; "
                "see what there is with: edge-device probe"
            )
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps: float | None = fps if 0 < fps <= 1000 else None
        self._newest: Frame | None = None
        self._arrived = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="capture", daemon=True)
        self._thread.start()

    def frames(self) -> Iterator[Frame | None]:
        """Yield the newest frame each time; None after a tenth of a second without one."""
        while not self._closing.is_set():
            with self._arrived:
                if self._newest is None:
                    self._arrived.wait(_PATIENCE)
                frame, self._newest = self._newest, None
            yield frame

    def close(self) -> None:
        """Stop reading and release the device."""
        self._closing.set()
        self._thread.join(timeout=5)

    def _read(self) -> None:
        index = 0
        while not self._closing.is_set():
            with silent_stderr():
                there, image = self._capture.read() if self._capture else (False, None)
            if not there or image is None:
                self._reopen()
                continue
            self._offer(np.asarray(image, np.uint8), index)
            index += 1
        if self._capture:
            self._capture.release()

    def _offer(self, image: NDArray[np.uint8], index: int) -> None:
        with self._arrived:
            self.dropped += self._newest is not None
            self._newest = Frame(image, time.time(), index)
            self._arrived.notify()

    def _reopen(self) -> None:
        """Try until the source is back or the run ends."""
        if self._capture:
            self._capture.release()
        pause = _BACKOFF[0]
        while not self._closing.wait(pause):
            self._capture = _open(self._target)
            if self._capture:
                self.reconnects += 1
                return
            pause = min(2 * pause, _BACKOFF[1])


def _open(target: int | str) -> cv2.VideoCapture | None:
    with silent_stderr():
        capture = cv2.VideoCapture(target)
    return capture if capture.isOpened() else None
