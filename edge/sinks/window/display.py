"""Whether there is a display, and the toolkit's window on it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError

TITLE = "edge-run   (q closes, ? shows all keys)"
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


class Display:
    """A window of OpenCV's toolkit (Qt in the wheels, GTK in many distributions). Main thread only."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Open it with an inside of ``size`` pixels.

        Raises:
            EdgeError: there is no display, or this OpenCV has no windows.
        """
        # The window toolkit inside OpenCV's wheel looks for fonts where there are none, and says so at every start.
        fonts = next((path for path in _FONTS if Path(path).is_dir()), None)
        if fonts:
            os.environ.setdefault("QT_QPA_FONTDIR", fonts)
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        try:
            # Every picture is drawn for the window's present size, so the toolkit has nothing to scale.
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(TITLE, *size)
        except cv2.error as error:
            raise EdgeError("cannot open a window here; add --no-window") from error
        self._size = size

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the window's inside, pixels; the last known one where the toolkit doesn't tell."""
        _, _, width, height = cv2.getWindowImageRect(TITLE)
        if width > 1 and height > 1:
            self._size = (width, height)
        return self._size

    @property
    def is_open(self) -> bool:
        """Whether nobody closed it."""
        try:
            return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # GTK, once it is gone
            return False

    def resize(self, size: tuple[int, int]) -> None:
        """Give the inside another size."""
        cv2.resizeWindow(TITLE, *size)
        self._size = size

    def show(self, image: NDArray[np.uint8]) -> None:
        """Show a BGR picture."""
        cv2.imshow(TITLE, image)

    def key(self, wait_ms: int) -> int:
        """Let the toolkit work for some milliseconds; return the code of a key that was pressed, or -1."""
        return cv2.waitKeyEx(wait_ms)

    def close(self) -> None:
        """Close it."""
        cv2.destroyAllWindows()
