"""What can be asked of a source, and how a run's settings say it."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal

from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.settings import Settings

#: ``auto`` follows what is in view, ``once`` focuses at the start, ``off`` leaves the lens; a number is metres.
Focus = Literal["auto", "once", "off"] | float

#: Clockwise, degrees.
Rotation = Literal[0, 90, 180, 270]


@dataclasses.dataclass(frozen=True)
class SourceOptions:
    """How a source is opened. What a kind of source can't do is left undone and said in its ``notes``.

    Attributes:
        loop: play a file, a folder or the demo without end.
        realtime: play it at its own speed and drop what comes too late.
        size: width and height asked of a camera, pixels; None leaves the camera its choice, here and below.
        fps: frames a second asked of a camera.
        pixel_format: FOURCC asked of a camera, such as ``MJPG``.
        rotation: turn the picture of a camera or stream clockwise, degrees.
        focus: of a camera; see :data:`Focus`.
        exposure_ms: exposure time of a camera, milliseconds; 0 is automatic.
        stall_timeout: a camera or stream without a picture for so many seconds is opened again.
        patient: wait for a camera or stream that isn't there at the start, as a service does; otherwise that is an
            error.
    """

    loop: bool = False
    realtime: bool = False
    size: tuple[int, int] | None = None
    fps: float | None = None
    pixel_format: str | None = None
    rotation: Rotation = 0
    focus: Focus | None = None
    exposure_ms: float | None = None
    stall_timeout: float = 5.0
    patient: bool = False

    def camera_flags(self, *, rotation: bool = True) -> tuple[str, ...]:
        """Return the flags of what only a camera can grant and was asked for; turning is left out on demand."""
        asked = {
            "--camera-size": self.size,
            "--camera-fps": self.fps,
            "--camera-format": self.pixel_format,
            "--camera-rotation": self.rotation or None if rotation else None,
            "--camera-focus": self.focus,
            "--camera-exposure": self.exposure_ms,
        }
        return tuple(flag for flag, value in asked.items() if value is not None)


def source_options(settings: Settings, *, patient: bool = False) -> SourceOptions:
    """Return the part of a run's settings that concerns its source.

    Raises:
        EdgeError: ``camera_size``, ``camera_format`` or ``camera_focus`` is not written as it has to be.
    """
    return SourceOptions(
        loop=settings.loop,
        realtime=settings.realtime,
        size=parse_size(settings.camera_size),
        fps=settings.camera_fps,
        pixel_format=parse_format(settings.camera_format),
        rotation=settings.camera_rotation,
        focus=parse_focus(settings.camera_focus),
        exposure_ms=settings.camera_exposure,
        stall_timeout=settings.stall_timeout,
        patient=patient,
    )


def parse_size(text: str) -> tuple[int, int] | None:
    """Return the width and height that ``1280x720`` names; None for an empty text.

    Raises:
        EdgeError: written otherwise.
    """
    if not text.strip():
        return None
    parts = re.fullmatch(r"(\d{1,5})\s*[xX×]\s*(\d{1,5})", text.strip())
    size = (int(parts[1]), int(parts[2])) if parts else (0, 0)
    if min(size) < 16 or max(size) > 16384:
        raise EdgeError(f"--camera-size: {text!r} is no size of a picture; write width x height, such as 1280x720")
    return size


def parse_format(text: str) -> str | None:
    """Return a FOURCC in capitals; None for an empty text.

    Raises:
        EdgeError: not four letters or digits.
    """
    if not text.strip():
        return None
    if not re.fullmatch(r"[A-Za-z0-9]{4}", text.strip()):
        raise EdgeError(f"--camera-format: {text!r} is no pixel format; give its four letters, such as MJPG or YUYV")
    return text.strip().upper()


def parse_focus(text: str) -> Focus | None:
    """Return the focus that ``auto``, ``once``, ``off`` or a distance such as ``0.5m`` names; None for an empty text.

    Raises:
        EdgeError: none of these, or a distance under a centimetre.
    """
    wanted = text.strip().lower()
    if not wanted:
        return None
    named: dict[str, Focus] = {"auto": "auto", "once": "once", "off": "off"}
    if wanted in named:
        return named[wanted]
    parts = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(m|cm)", wanted)
    metres = float(parts[1]) / (100 if parts[2] == "cm" else 1) if parts else 0.0
    if metres < 0.01:
        raise EdgeError(f"--camera-focus: {text!r} is none of auto, once, off, or a distance such as 0.5m")
    return metres
