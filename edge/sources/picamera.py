"""Cameras on a Raspberry Pi's ribbon cable, through Picamera2: a picture to crop from and a small one to search in.

Imported only when asked for: Picamera2 and its libcamera come from the system, not from a package index.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError, NotInstalledError
from edge.sources.device import Device, LostError, Picture, UnavailableError, turned
from edge.sources.options import SourceOptions

#: Width of the main picture where nobody asks for a size; its height follows the sensor's shape.
_WIDTH = 1280

#: Width of the small picture: what both detectors shrink further, in any case.
_LORES_WIDTH = 640

#: Frames a second where nobody asks.
_FPS = 30.0

#: Buffers: one is exposed, one waits, one is copied from, and one in reserve.
_BUFFERS = 4

#: A frame's timestamp is believed if it lies at most so many seconds back.
_OLDEST = 1.0

_INSTALL = (
    "--source picamera needs Picamera2: sudo apt install python3-picamera2, and an environment that sees the system's "
    "packages (python3 -m venv --system-site-packages)"
)


def picamera_opening(number: int, options: SourceOptions) -> Callable[[], Device]:
    """Return what opens camera ``number`` (0 is the first), now and after a loss."""
    return lambda: PicameraDevice(number, options)


class PicameraDevice:
    """A camera that is open and runs.

    Attributes:
        fps: frames a second it was told to give.
        notes: what was asked for and not granted.
    """

    def __init__(self, number: int, options: SourceOptions) -> None:
        """Open, set up and start the camera; no preview window is opened, whether there is a display or not.

        Raises:
            NotInstalledError: no Picamera2.
            EdgeError: no such camera, in use, or it doesn't do what is needed of it.
        """
        picamera2, self._libcamera = _load()
        self._options = options
        self._lores: tuple[int, int] | None = None
        self._lores_rgb = False
        self._mapped = picamera2.MappedArray
        notes: list[str] = []
        self._camera = _open(picamera2.Picamera2, number)
        try:
            self.fps: float | None = self._set_up(notes)
            self._camera.start()
            self._focus(notes)
        except Exception as error:
            self.close()
            if isinstance(error, EdgeError):
                raise
            raise _unavailable(number, error) from error
        self.notes = tuple(notes)

    def read(self) -> Picture:
        """Wait for the next picture; see :meth:`edge.sources.device.Device.read`."""
        timeout = self._options.stall_timeout
        try:
            request = self._camera.capture_request(wait=timeout)
        except (concurrent.futures.TimeoutError, TimeoutError) as error:
            # The request that was asked for would take the next frame's buffer and never give it back.
            self._camera.cancel_all_and_flush()
            raise LostError(f"no picture for {timeout:.0f} s") from error
        try:
            age = _age(request.get_metadata())
            # Copies: the camera writes into its buffers again as soon as the request is released.
            with self._mapped(request, "main", write=False) as main:
                image = self._own(main.array)
            lores = None
            if self._lores is not None:
                with self._mapped(request, "lores", write=False) as small:
                    lores = self._small(small.array)
            return Picture(image, lores, age)
        finally:
            request.release()

    def close(self) -> None:
        """Stop and release the camera."""
        self._camera.close()

    def _set_up(self, notes: list[str]) -> float:
        """Configure the streams; returns the frame rate."""
        options, camera = self._options, self._camera
        width, height = options.size or _natural_size(camera.sensor_resolution)
        scale = _LORES_WIDTH / max(width, height)
        self._lores = (_even(width * scale), _even(height * scale)) if scale < 1 else None
        pi5 = getattr(type(camera).platform, "name", "") == "PISP"
        upside_down = options.rotation == 180
        config = camera.create_video_configuration(
            # libcamera names formats by their order in a word: its RGB888 lies as B, G, R in memory.
            main={"format": "RGB888", "size": (_even(width), _even(height))},
            # Before the Pi 5, the second stream can't be RGB.
            lores={"format": "RGB888" if pi5 else "YUV420", "size": self._lores} if self._lores else None,
            transform=self._libcamera.Transform(hflip=upside_down, vflip=upside_down),
            buffer_count=_BUFFERS,
            controls=self._controls(),
            display=None,
            encode=None,
            # Otherwise the first picture after a pause is one that waited.
            queue=False,
        )
        camera.configure(config)
        granted = camera.camera_configuration()
        if granted["main"]["format"] != "RGB888":
            raise EdgeError("picamera: this is a USB camera; read it with --source /dev/videoN or its name")
        got = tuple(granted["main"]["size"])
        if options.size and got != options.size:
            notes.append(f"the camera gives {got[0]}x{got[1]} instead of {options.size[0]}x{options.size[1]}")
        if self._lores:
            self._lores = tuple(granted["lores"]["size"])
            self._lores_rgb = granted["lores"]["format"] == "RGB888"
        if options.pixel_format:
            notes.append("--camera-format is for webcams; this camera gives what is needed")
        return self._timing(notes)

    def _controls(self) -> dict[str, Any]:
        """Return the controls of frame rate and exposure that this camera has."""
        options, known = self._options, self._camera.camera_controls
        controls: dict[str, Any] = {}
        if options.exposure_ms and "ExposureTime" in known:
            controls["ExposureTime"] = round(options.exposure_ms * 1000)
        elif options.exposure_ms == 0 and "AeEnable" in known:
            controls["AeEnable"] = True
        if "FrameDurationLimits" in known:
            # A frame lasts at least as long as it is exposed.
            duration = max(round(1e6 / (options.fps or _FPS)), controls.get("ExposureTime", 0))
            controls["FrameDurationLimits"] = (duration, duration)
        return controls

    def _timing(self, notes: list[str]) -> float:
        """Note what of that the sensor's mode can't do, which is known now; returns the frame rate."""
        options, known = self._options, self._camera.camera_controls
        asked = self._controls()
        fps = options.fps or _FPS
        if "FrameDurationLimits" in asked:
            fps = 1e6 / _within(asked["FrameDurationLimits"][0], known["FrameDurationLimits"])
        if options.fps and abs(fps - options.fps) > 0.05 * options.fps:
            notes.append(f"the camera gives {fps:.4g} instead of {options.fps:g} frames a second")
        if options.exposure_ms:
            wanted = asked.get("ExposureTime")
            if wanted is None:
                notes.append("the camera's exposure can't be set")
            elif (granted := _within(wanted, known["ExposureTime"])) != wanted:
                notes.append(f"the camera exposes for {granted / 1000:g} ms instead of {options.exposure_ms:g}")
        return fps

    def _focus(self, notes: list[str]) -> None:
        """Set the lens, where it moves."""
        focus, known = self._options.focus, self._camera.camera_controls
        if focus is None:
            return
        if "AfMode" not in known or "LensPosition" not in known:
            if focus != "off":
                notes.append("the camera's focus is fixed")
            return
        modes, triggers = self._libcamera.controls.AfModeEnum, self._libcamera.controls.AfTriggerEnum
        if focus == "auto":
            self._camera.set_controls({"AfMode": modes.Continuous})
        elif focus == "once":
            self._camera.set_controls({"AfMode": modes.Auto, "AfTrigger": triggers.Start})
        elif focus == "off":
            self._camera.set_controls({"AfMode": modes.Manual})
        else:
            position = _within(1 / focus, known["LensPosition"])  # dioptres: the reciprocal of metres
            if position < 0.99 / focus:
                notes.append(f"the camera focuses at {1 / position:.2g} m instead of {focus:g}")
            self._camera.set_controls({"AfMode": modes.Manual, "LensPosition": position})

    def _own(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Copy a buffer, turned if it has to be."""
        rotation = self._options.rotation
        return turned(array, rotation) if rotation in (90, 270) else array.copy()

    def _small(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Copy the small stream as BGR."""
        if self._lores is None or self._lores_rgb:
            return self._own(array)
        # Rows of this format are padded; the padding goes after the conversion, for colour lies apart from brightness.
        image = np.asarray(cv2.cvtColor(array, cv2.COLOR_YUV2BGR_I420), np.uint8)[:, : self._lores[0]]
        rotation = self._options.rotation
        return turned(image, rotation) if rotation in (90, 270) else np.ascontiguousarray(image)


def _load() -> tuple[Any, Any]:
    """Import Picamera2 and libcamera."""
    # libcamera tells its life on the terminal; what goes wrong is said in our own line.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        return importlib.import_module("picamera2"), importlib.import_module("libcamera")
    except ImportError as error:
        raise NotInstalledError(_INSTALL) from error
    except ValueError as error:
        # Parts of it are compiled for the system's numpy and refuse another one in the environment.
        raise NotInstalledError(
            f"Picamera2 doesn't start ({error}): it needs the numpy of the system; pip uninstall numpy, or pip install "
            "'numpy<2'"
        ) from error


def _open(kind: Any, number: int) -> Any:
    """Open a camera by its number."""
    there = kind.global_camera_info()
    if number >= len(there):
        models = ", ".join(f"{index} {info.get('Model', '')}" for index, info in enumerate(there))
        raise UnavailableError(
            "camera",
            f"picamera:{number}" if number else "picamera",
            f"there is no such camera; here: {models}" if there else "no camera is attached",
            "check the ribbon cable, at both ends, and: rpicam-hello --list-cameras",
        )
    try:
        return kind(number)
    except Exception as error:
        raise _unavailable(number, error) from error


def _unavailable(number: int, error: BaseException) -> UnavailableError:
    """Say what a failure means; Picamera2 wraps the cause in others."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    words = " ".join(str(link) for link in chain)
    busy = any(word in words.lower() for word in ("busy", "acquire", "in use"))
    reason = "in use by another program" if busy else f"it doesn't start ({str(chain[-1]).splitlines()[0]})"
    name = f"picamera:{number}" if number else "picamera"
    return UnavailableError("camera", name, reason, "close what uses it, or try: rpicam-hello")


def _age(metadata: dict[str, Any]) -> float:
    """Return how many seconds ago a frame's exposure began; 0 where the camera doesn't tell."""
    stamp = metadata.get("SensorTimestamp")
    age = (time.monotonic_ns() - stamp) / 1e9 if stamp else 0.0
    return age if 0 <= age <= _OLDEST else 0.0


def _natural_size(sensor: tuple[int, int]) -> tuple[int, int]:
    width, height = sensor
    return _WIDTH, _even(_WIDTH * height / width)


def _within(value: float, limits: tuple[float, float, float]) -> float:
    """Return a value brought between the least and the greatest that a control takes; 0 is no limit."""
    low, high, _ = limits
    return min(max(value, low), high or value)


def _even(value: float) -> int:
    return max(2, 2 * round(value / 2))
