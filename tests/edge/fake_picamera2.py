"""Picamera2 and libcamera as far as the runtime uses them, with Picamera2 0.3.38's signatures, and cameras to plug.

It is strict where the real one is: unknown arguments, keys and controls are refused, one process at a time owns a
camera, a stream that the board can't make is an error, buffers are few and written again once they are released.
"""

from __future__ import annotations

import concurrent.futures
import enum
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

IMX708 = {
    "AeEnable": (False, True, True),
    "AfMode": (0, 2, 0),
    "AfTrigger": (0, 1, 0),
    "ExposureTime": (26, 220417486, 20000),
    "FrameDurationLimits": (17849, 220535845, 33333),
    "LensPosition": (0.0, 15.0, 1.0),
}
IMX219 = {
    "AeEnable": (False, True, True),
    "ExposureTime": (75, 11766829, 20000),
    "FrameDurationLimits": (23969, 11767556, 33333),
}


class Plugged:
    """A camera of the board, seen from outside."""

    def __init__(
        self, model: str = "imx708", controls: dict[str, Any] = IMX708, sensor: tuple[int, int] = (4608, 2592)
    ) -> None:
        self.model = model
        self.controls = controls
        self.sensor = sensor
        self.usb = False
        self.wedged = False  # no more frames arrive, as when the cable slips
        self.interval = 0.002
        self.owner: object | None = None
        self.frames = 0
        self.set: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.opened = 0
        self.shown: list[object] = []


class Platform(enum.Enum):
    VC4 = 0
    PISP = 1


class Transform:
    def __init__(self, rotation: int = 0, hflip: bool = False, vflip: bool = False, transpose: bool = False) -> None:
        self.hflip, self.vflip, self.transpose = hflip, vflip, transpose


class AfModeEnum(enum.IntEnum):
    Manual = 0
    Auto = 1
    Continuous = 2


class AfTriggerEnum(enum.IntEnum):
    Start = 0
    Cancel = 1


class CompletedRequest:
    def __init__(self, request: Any, picam2: Picamera2) -> None:
        self.request: Any = request
        self.picam2 = picam2
        self.config = picam2.camera_config
        self.ref_count = 1

    def get_metadata(self) -> dict[str, Any]:
        assert self.ref_count > 0
        return {"SensorTimestamp": time.monotonic_ns() - 20_000_000, "ExposureTime": 10000}

    def release(self) -> None:
        self.ref_count -= 1
        if self.ref_count < 0:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self.picam2.free.append(self.request)


class MappedArray:
    def __init__(self, request: CompletedRequest, stream: str, reshape: bool = True, write: bool = True) -> None:
        self.request, self.stream = request, stream
        self.array: Any = None

    def __enter__(self) -> MappedArray:
        assert self.request.ref_count > 0
        self.array = self.request.request[self.stream]
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, exc_traceback: Any) -> None:
        self.array = None


class Picamera2:
    platform = Platform.VC4
    board: ClassVar[list[Plugged]] = []

    def __init__(
        self, camera_num: int = 0, verbose_console: Any = None, tuning: Any = None, allocator: Any = None
    ) -> None:
        self.is_open = False
        if camera_num >= len(self.board):
            raise RuntimeError(f"No camera number {camera_num} found")
        self.plugged = self.board[camera_num]
        if self.plugged.owner is not None:
            try:
                raise RuntimeError("Failed to acquire camera: Device or resource busy")
            except RuntimeError as error:
                raise RuntimeError("Camera __init__ sequence did not complete.") from error
        self.plugged.owner = self
        self.plugged.opened += 1
        self.is_open = True
        self.started = False
        self.waiting = 0
        self.camera_config: dict[str, Any] = {}
        self.free: list[dict[str, Any]] = []

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [
            {"Model": camera.model, "Location": 2, "Rotation": 180, "Id": f"/base/i2c@{number}", "Num": number}
            for number, camera in enumerate(Picamera2.board)
        ]

    @property
    def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
        return dict(self.plugged.controls)

    @property
    def sensor_resolution(self) -> tuple[int, int]:
        return self.plugged.sensor

    def create_video_configuration(
        self,
        main: Any = {},  # noqa: B006 - as in the real one, here and below
        lores: Any = None,
        raw: Any = {},  # noqa: B006
        transform: Any = Transform(),  # noqa: B008
        colour_space: Any = None,
        buffer_count: int = 6,
        controls: Any = {},  # noqa: B006
        display: Any = "main",
        encode: Any = "main",
        queue: bool = True,
        sensor: Any = {},  # noqa: B006
        use_case: str = "video",
    ) -> dict[str, Any]:
        for stream in (main, lores or {}):
            for key in stream:
                if key not in ("format", "size", "stride", "preserve_ar"):
                    raise ValueError(f"Bad key {key!r}")
        main = {"format": "XBGR8888", "size": (1280, 720), "preserve_ar": True} | main
        if lores is not None:
            lores = {"format": "YUV420", "size": main["size"], "preserve_ar": False} | lores
        for name, value in (("Display", display), ("Encode", encode)):
            if value is not None and {"main": main, "lores": lores}.get(value) is None:
                raise RuntimeError(f"{name} stream {value} was not defined")
        return {
            "use_case": use_case,
            "transform": transform,
            "colour_space": colour_space,
            "buffer_count": buffer_count,
            "queue": queue,
            "main": main,
            "lores": lores,
            "raw": raw,
            "controls": {"FrameDurationLimits": (33333, 33333)} | controls,
            "sensor": sensor,
            "display": display,
            "encode": encode,
        }

    def configure(self, camera_config: Any = None) -> None:
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        config = {
            key: dict(value) if key in ("main", "lores") and value else value for key, value in camera_config.items()
        }
        main, lores = config["main"], config["lores"]
        for stream in (main, lores):
            if stream and (stream["size"][0] % 2 or stream["size"][1] % 2):
                raise RuntimeError("width and height should be even")
        if lores:
            if lores["size"][0] > main["size"][0] or lores["size"][1] > main["size"][1]:
                raise RuntimeError("lores stream dimensions may not exceed main stream")
            if self.platform is Platform.VC4 and lores["format"] != "YUV420":
                raise RuntimeError("lores stream must be YUV")
        if self.plugged.usb:
            main["format"] = "MJPEG"
        self.plugged.config = self.camera_config = config
        self.set_controls(config["controls"])
        self.free = [{} for _ in range(config["buffer_count"])]

    def camera_configuration(self) -> dict[str, Any]:
        return self.camera_config

    def set_controls(self, controls: dict[str, Any]) -> None:
        for name, value in controls.items():
            if name not in self.plugged.controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
            self.plugged.set[name] = value

    def start(self, config: Any = None, show_preview: Any = False) -> None:
        assert self.camera_config
        self.plugged.shown.append(show_preview)
        self.started = True

    def capture_request(self, wait: Any = None, signal_function: Any = None, flush: Any = None) -> CompletedRequest:
        assert self.started and self.is_open
        self.waiting += 1
        deadline = time.monotonic() + (1e9 if wait is None or wait is True else wait)
        while self.plugged.wedged or len(self.free) < self.waiting:
            if time.monotonic() > deadline:
                raise concurrent.futures.TimeoutError
            time.sleep(0.005)
        self.waiting -= 1
        time.sleep(self.plugged.interval)
        buffers = self.free.pop(0)
        self._expose(buffers)
        return CompletedRequest(buffers, self)

    def cancel_all_and_flush(self) -> None:
        self.waiting = 0

    def stop(self) -> None:
        self.started = False

    def close(self) -> None:
        if not self.is_open:
            return
        self.stop()
        self.is_open = False
        self.plugged.owner = None

    def _expose(self, buffers: dict[str, Any]) -> None:
        """Write the next frame into memory that was used before: blue left, red below, its number in the green."""
        transform = self.camera_config["transform"]
        for name in ("main", "lores"):
            stream = self.camera_config[name]
            if not stream:
                continue
            width, height = stream["size"]
            scene = np.zeros((height, width, 3), np.uint8)
            scene[:, : width // 2, 0] = 200
            scene[height // 2 :, :, 2] = 200
            scene[:, :, 1] = self.plugged.frames % 100
            scene = scene[:: -1 if transform.vflip else 1, :: -1 if transform.hflip else 1]
            if stream["format"] == "YUV420":
                stride = -(-width // 64) * 64
                padded = np.full((height, stride, 3), 77, np.uint8)
                padded[:, :width] = scene
                memory = cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420)
            elif stream["format"] == "RGB888":
                memory = np.full((height, -(-width * 3 // 64) * 64), 77, np.uint8)[:, : width * 3]
                memory = memory.reshape(height, width, 3)
                memory[:] = scene
            else:
                memory = np.zeros((1, 1), np.uint8)
            if name in buffers and buffers[name].shape == memory.shape:
                buffers[name][:] = memory
            else:
                buffers[name] = memory
        self.plugged.frames += 1


@contextmanager
def board(monkeypatch: pytest.MonkeyPatch, *cameras: Plugged, platform: Platform = Platform.VC4) -> Iterator[None]:
    """Install the two modules, with these cameras plugged."""
    threads = threading.active_count()
    picamera2 = types.ModuleType("picamera2")
    libcamera = types.ModuleType("libcamera")
    vars(picamera2).update(Picamera2=Picamera2, MappedArray=MappedArray, Platform=Platform)
    controls = types.SimpleNamespace(AfModeEnum=AfModeEnum, AfTriggerEnum=AfTriggerEnum)
    vars(libcamera).update(Transform=Transform, controls=controls)
    monkeypatch.setitem(sys.modules, "picamera2", picamera2)
    monkeypatch.setitem(sys.modules, "libcamera", libcamera)
    monkeypatch.setattr(Picamera2, "platform", platform)
    monkeypatch.setattr(Picamera2, "board", list(cameras))
    yield
    assert all(camera.owner is None for camera in cameras), "a camera was left open"
    assert threading.active_count() == threads
