"""From what a user types after ``--source`` to a source of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.errors import EdgeError
from edge.sources.options import SourceOptions

if TYPE_CHECKING:  # who lists cameras needs no numpy
    from edge.types import Frame

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


class Source(Protocol):
    """Frames, one after the other."""

    @property
    def name(self) -> str:
        """For events and the summary; a URL's without its password."""

    @property
    def live(self) -> bool:
        """Whether old frames are dropped in favour of new ones: cameras, streams, whatever is played in real time."""

    @property
    def fps(self) -> float | None:
        """Frames per second as the source states them; None where it doesn't."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was asked for and not granted, a line each."""

    @property
    def captured(self) -> int:
        """Frames that arrived so far, dropped ones included."""

    @property
    def dropped(self) -> int:
        """Frames replaced by newer ones so far (live sources)."""

    @property
    def reconnects(self) -> int:
        """How often a live source was lost and came back."""

    @property
    def state(self) -> str:
        """``"ok"``, or in one line why no frames come (``"lost 4 s ago (it ended), opening again"``)."""

    def frames(self) -> Iterator[Frame | None]:
        """Yield frames; a live source yields None now and then while it waits, so that its reader can look up.

        Raises:
            EdgeError: the source breaks off (files).
        """

    def close(self) -> None:
        """Release device or file; may be called from any thread, and returns soon even if the device hangs."""


def open_source(text: str, options: SourceOptions | None = None) -> Source:
    """Open a source.

    Args:
        text: ``demo``, a camera index (``0``), a path under ``/dev``, a part of a camera's name, ``picamera``
            (``picamera:1`` for the second one), a stream URL (``rtsp://``, ``http://``), an image, a folder of images,
            or a video file.
        options: how to open it.

    Raises:
        EdgeError: it can't be opened; the message says what was looked for.
    """
    from edge.sources.demo import DemoSource
    from edge.sources.files import ImageSource, VideoSource

    options = options or SourceOptions()
    if text == "demo":
        return DemoSource(options)
    if re.fullmatch(r"picamera(:\d+)?", text) or "://" in text or text.isdigit() or text.startswith("/dev/"):
        return _open_live(text, options)
    path = Path(text).expanduser()
    if path.is_dir():
        pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGES)
        if not pictures:
            raise EdgeError(f"{path}: no pictures in this folder; known are {', '.join(IMAGES)}")
        return ImageSource(text, pictures, options)
    if path.is_file():
        return ImageSource(text, [path], options) if path.suffix.lower() in IMAGES else VideoSource(path, options)
    if _names_a_camera(text, options):
        return _open_live(text, options)
    raise EdgeError(
        f"cannot open source {text!r}: no such file, and no camera of that name; "
        "use demo, a camera index, /dev/videoN, picamera, a URL, a file or a folder"
    )


def _open_live(text: str, options: SourceOptions) -> Source:
    from edge.sources.camera import Camera
    from edge.sources.live import LiveSource
    from edge.sources.stream import redacted, stream_opening

    if text.startswith("picamera"):
        from edge.sources.picamera import picamera_opening

        return LiveSource(text, picamera_opening(int(text.partition(":")[2] or 0), options), options)
    if "://" in text:
        flags = options.camera_flags(rotation=False)
        notes = (f"{', '.join(flags)}: a stream is taken as it is sent; set this at its camera",) if flags else ()
        return LiveSource(redacted(text), stream_opening(text, options), options, notes=notes)
    return LiveSource(text, Camera(text, options), options)


def _names_a_camera(text: str, options: SourceOptions) -> bool:
    """Say whether a text that names no file is the name of a camera, or of one that is waited for."""
    from edge.sources import v4l2

    nodes = v4l2.read_nodes()
    if nodes is None:
        return False
    # Where a camera may come later, only what looks like a file is still a mistake.
    hoped_for = options.patient and "/" not in text and not Path(text).suffix
    return hoped_for or v4l2.find_node(text, nodes) is not None
