"""From what a user types after ``--source`` to a source of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from edge.errors import EdgeError
from edge.types import Frame

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


class Source(Protocol):
    """Frames, one after the other.

    Attributes:
        name: for events and the summary.
        live: True for cameras and streams: old frames are dropped in favour of new ones.
        fps: frames per second as the source states them; None where it doesn't.
        dropped: frames replaced by newer ones so far (live sources).
        reconnects: how often a live source was lost and opened again.
        captured: frames that arrived so far.
        state: ``"ok"``, or in one line why no frames come (``"lost 4 s ago, opening again"``).
    """

    name: str
    live: bool
    fps: float | None
    dropped: int
    reconnects: int
    captured: int
    state: str

    def frames(self) -> Iterator[Frame | None]:
        """Yield frames; a live source yields None now and then while it waits, so that its reader can look up.

        Raises:
            EdgeError: the source breaks off (files).
        """

    def close(self) -> None:
        """Release device or file."""


def open_source(text: str, loop_demo: bool = False) -> Source:
    """Open a source.

    Args:
        text: ``demo``, a camera index (``0``), a device path (``/dev/video0``), a stream URL (``rtsp://``, ``http://``),
            an image, a folder of images, or a video file.
        loop_demo: let the demo run without end (for a window) instead of once.

    Raises:
        EdgeError: it can't be opened; the message says what was looked for.
    """
    from edge.sources.demo import DemoSource
    from edge.sources.files import ImageSource, VideoSource
    from edge.sources.live import LiveSource

    if text == "demo":
        return DemoSource(loop_demo)
    if text.isdigit() or text.startswith("/dev/video"):
        return LiveSource(text, int(text) if text.isdigit() else text)
    if "://" in text:
        return LiveSource(text, text)
    path = Path(text).expanduser()
    if path.is_dir():
        pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGES)
        if not pictures:
            raise EdgeError(f"{path}: no pictures in this folder; known are {', '.join(IMAGES)}")
        return ImageSource(text, pictures)
    if not path.is_file():
        raise EdgeError(
            f"cannot open source {text!r}: no such file; "
            "use demo, a camera index, /dev/videoN, a URL, a file or a folder"
        )
    if path.suffix.lower() in IMAGES:
        return ImageSource(text, [path])
    return VideoSource(path)
