"""The live window."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import cv2

from edge.errors import EdgeError
from edge.overlay import Overlay
from edge.types import Result

_TITLE = "edge-run   (q closes)"
_QUIT = (ord("q"), ord("Q"), 27)
_FONTS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/truetype", "/usr/share/fonts", "/usr/local/share/fonts")


def display_available() -> bool:
    """Say whether a window could be opened: on Linux, whether the X server that DISPLAY names answers.

    Asked before the window toolkit is: where nobody answers, that one ends the whole process. (On Wayland, OpenCV's
    wheel reaches the screen through XWayland, which sets DISPLAY too.)
    """
    if not sys.platform.startswith("linux"):
        return True
    host, colon, screen = os.environ.get("DISPLAY", "").rpartition(":")
    number = screen.partition(".")[0]
    if not colon or not number.isdigit():
        return False
    try:
        if host in ("", "unix"):
            with socket.socket(socket.AF_UNIX) as local:
                local.settimeout(1)
                local.connect(f"/tmp/.X11-unix/X{number}")
        else:
            socket.create_connection((host, 6000 + int(number)), timeout=1).close()
    except (OSError, OverflowError):
        return False
    return True


class WindowSink:
    """Shows every result; files are played no faster than they were filmed."""

    def __init__(self, overlay: Overlay, fps: float | None, live: bool) -> None:
        """Open the window.

        Raises:
            EdgeError: there is no display, or this OpenCV has no windows.
        """
        # The window toolkit inside OpenCV's wheel looks for fonts where there are none, and says so at every start.
        fonts = next((path for path in _FONTS if Path(path).is_dir()), None)
        if fonts:
            os.environ.setdefault("QT_QPA_FONTDIR", fonts)
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise EdgeError("cannot open a window here; add --no-window") from error
        self._overlay = overlay
        self._period = None if live or not fps else 1 / fps
        self._due = 0.0
        self._sized = False

    def write(self, result: Result) -> bool:
        """Show one frame; False once somebody pressed q or Esc, or closed the window."""
        canvas = self._overlay.draw(result)
        if not self._sized:
            cv2.resizeWindow(_TITLE, canvas.shape[1], canvas.shape[0])
            self._sized = True
        cv2.imshow(_TITLE, canvas)
        wait = 1
        if self._period:
            now = time.perf_counter()
            self._due = max(self._due + self._period, now - self._period)
            wait = max(1, round(1000 * (self._due - now)))
        key = cv2.waitKey(wait) & 0xFF
        return key not in _QUIT and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()
