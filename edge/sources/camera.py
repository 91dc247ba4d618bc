"""Webcams: by index, by device path or by name; on Linux through V4L2 and nothing else."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path

import cv2

from edge.errors import EdgeError
from edge.sources import v4l2
from edge.sources.capture import CaptureDevice, quieten, stated_fps
from edge.sources.device import Picture, UnavailableError
from edge.sources.options import SourceOptions

LINUX = sys.platform.startswith("linux")

#: Values of V4L2's exposure control (V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_APERTURE_PRIORITY), which OpenCV passes on.
_MANUAL, _AUTOMATIC = 1, 3

#: ``once``: seconds until autofocus is switched off.
_FOCUSED = 3.0

_SEE = "see what there is with: edge-device probe"


class Camera:
    """Opens one camera, and the same one again after it was unplugged, whatever number it gets then."""

    def __init__(self, text: str, options: SourceOptions, root: Path = Path("/")) -> None:
        """Remember what was asked for.

        Args:
            text: an index, a path under ``/dev``, or a part of the camera's name.
            options: what to ask of the camera.
            root: file tree with ``sys`` and ``dev``.
        """
        self._text = text
        self._options = options
        self._root = root
        self._seen: v4l2.Node | None = None

    def __call__(self) -> WebcamDevice:
        """Open it.

        Raises:
            EdgeError: it isn't there, in use, not permitted, or not read this way.
        """
        quieten()
        if not LINUX:
            if not self._text.isdigit():
                raise EdgeError(f"camera {self._text!r}: on this system, cameras are named by their index, such as 0")
            return self._open(int(self._text), cv2.CAP_ANY)
        # OpenCV waits 10 seconds for a picture unless told otherwise before the first one; it takes whole seconds.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(math.ceil(self._options.stall_timeout)))
        path = self.find()
        self._check(path)
        device = self._open(path, cv2.CAP_V4L2)
        self._seen = self._at(path)
        return device

    def find(self) -> str:
        """Return the device file to open now.

        Raises:
            EdgeError: no camera has that name, or several have.
        """
        nodes = v4l2.read_nodes(self._root) or ()
        again = v4l2.find_again(self._seen, nodes) if self._seen else None
        if again:
            return again.path
        if self._text.isdigit():
            return f"/dev/video{int(self._text)}"
        if self._text.startswith("/dev/"):
            # The names under /dev/v4l/by-id and by-path are links.
            return "/" + str((self._root / self._text[1:]).resolve().relative_to(self._root.resolve()))
        node = v4l2.find_node(self._text, nodes)
        if node is None:
            raise UnavailableError("camera", self._text, f"no camera of that name; here: {v4l2.listed(nodes)}", _SEE)
        return node.path

    def _check(self, path: str) -> None:
        """Say what is wrong before OpenCV, which only knows that something is."""
        nodes = v4l2.read_nodes(self._root) or ()
        node = next((node for node in nodes if node.path == path), None)
        if node and node.bus == "csi":
            raise EdgeError(f"{path} is a camera on a ribbon cable; read it with --source picamera")
        file = self._root / path[1:]
        if not file.exists():
            raise UnavailableError("camera", self._text, f"{path} is not there; here: {v4l2.listed(nodes)}", _SEE)
        if not os.access(file, os.R_OK | os.W_OK):
            raise UnavailableError(
                "camera", self._text, f"{path} is not permitted", "sudo usermod -aG video $USER, then log in again"
            )

    def _at(self, path: str) -> v4l2.Node | None:
        return next((node for node in v4l2.read_nodes(self._root) or () if node.path == path), None)

    def _open(self, target: int | str, backend: int) -> WebcamDevice:
        capture = cv2.VideoCapture(target, backend)
        if not capture.isOpened():
            capture.release()
            raise UnavailableError("camera", self._text, "in use by another program, or not a camera", _SEE)
        return WebcamDevice(capture, self._options)


class WebcamDevice(CaptureDevice):
    """A webcam that is open and set up."""

    def __init__(self, capture: cv2.VideoCapture, options: SourceOptions) -> None:
        """Ask for what ``options`` name; what isn't granted is in ``notes``."""
        notes = ask(capture, options)
        super().__init__(
            capture,
            stall_timeout=options.stall_timeout,
            rotation=options.rotation,
            notes=notes,
            noisy=fourcc(capture) in ("MJPG", "JPEG"),
        )
        self._focus_until = time.monotonic() + _FOCUSED if options.focus == "once" else math.inf

    def read(self) -> Picture:
        """Wait for the next picture; see :meth:`edge.sources.device.Device.read`."""
        if time.monotonic() > self._focus_until:
            self._capture.set(cv2.CAP_PROP_AUTOFOCUS, 0)
            self._focus_until = math.inf
        return super().read()


def ask(capture: cv2.VideoCapture, options: SourceOptions) -> tuple[str, ...]:
    """Set what ``options`` name and return what the camera didn't grant, a line each."""
    notes: list[str] = []
    # The format first: which sizes there are depends on it, and which frame rates on both.
    if options.pixel_format:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.pixel_format))
        if fourcc(capture) != options.pixel_format:
            notes.append(f"the camera gives {fourcc(capture) or 'its own format'} instead of {options.pixel_format}")
    if options.size:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.size[1])
        got = (round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        if got != options.size:
            notes.append(f"the camera gives {got[0]}x{got[1]} instead of {options.size[0]}x{options.size[1]}")
    if options.fps:
        capture.set(cv2.CAP_PROP_FPS, options.fps)
        fps = stated_fps(capture)
        if fps is None or abs(fps - options.fps) > 0.05 * options.fps:
            slow = fps is not None and fps < options.fps and fourcc(capture) not in ("MJPG", "JPEG")
            notes.append(
                f"the camera gives {'its own rate' if fps is None else f'{fps:g}'} instead of {options.fps:g} frames a "
                f"second{'; --camera-format MJPG may allow more' if slow else ''}"
            )
    return (*notes, *_focus(capture, options), *_exposure(capture, options))


def fourcc(capture: cv2.VideoCapture) -> str:
    """Return the letters of a capture's pixel format; empty where it doesn't tell."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = bytes(code >> shift & 0xFF for shift in (0, 8, 16, 24)) if code > 0 else b""
    return letters.decode("ascii", "replace").strip("\0 ")


def _focus(capture: cv2.VideoCapture, options: SourceOptions) -> list[str]:
    if options.focus is None:
        return []
    if isinstance(options.focus, float):
        return ["a webcam's driver knows no distances, so its focus stays; use --camera-focus auto, once or off"]
    wanted = 0 if options.focus == "off" else 1
    if capture.set(cv2.CAP_PROP_AUTOFOCUS, wanted):
        return []
    return ["the camera has no autofocus"] if wanted else []


def _exposure(capture: cv2.VideoCapture, options: SourceOptions) -> list[str]:
    if options.exposure_ms is None:
        return []
    if not LINUX:
        return ["the exposure of a webcam is set on Linux only"]
    if options.exposure_ms == 0:
        granted = capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, _AUTOMATIC)
        return [] if granted else ["the camera's exposure can't be made automatic"]
    # V4L2_CID_EXPOSURE_ABSOLUTE counts in steps of 100 microseconds.
    granted = capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL)
    granted = capture.set(cv2.CAP_PROP_EXPOSURE, max(1, round(options.exposure_ms * 10))) and granted
    return [] if granted else [f"the camera's exposure can't be set to {options.exposure_ms:g} ms"]
