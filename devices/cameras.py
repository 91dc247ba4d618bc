"""Cameras as the kernel lists them under ``/sys/class/video4linux``; codecs and image processors are left out."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

import msgspec

#: Drivers of Raspberry Pi boards whose video nodes are no cameras (decoders, encoders, image signal processors).
NOT_CAMERAS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpi-hevc-dec", "rpivid")

#: Receivers of a camera's ribbon cable on Raspberry Pi boards (Pi 0-4: unicam, Pi 5: rp1-cfe), and the one node of each
#: that stands for the sensor. Pictures come through libcamera, not from the node.
CSI_NODES = {"unicam": "unicam-image", "rp1-cfe": "rp1-cfe-csi2_ch0"}


class Camera(msgspec.Struct, frozen=True):
    """A camera.

    Attributes:
        node: device file, ``/dev/video0``.
        name: the driver's name for it.
        bus: ``usb``; ``csi`` for a ribbon cable (use picamera2); ``other`` for loopback and platform devices.
        usable: whether the one who asks may open the device file; False where it does not exist.
    """

    node: str
    name: str
    bus: Literal["usb", "csi", "other"]
    usable: bool


def read_cameras(root: Path = Path("/")) -> tuple[Camera, ...] | None:
    """List the cameras of the file tree ``root``, lowest number first; None where there is no sysfs to ask."""
    if not (root / "sys/class").is_dir():
        return None
    entries = sorted((root / "sys/class/video4linux").glob("video*"), key=_number)
    return tuple(camera for entry in entries if (camera := _camera(root, entry)))


def _camera(root: Path, entry: Path) -> Camera | None:
    try:
        name = (entry / "name").read_text(errors="replace").strip()
    except OSError:
        return None
    if name.startswith(NOT_CAMERAS):
        return None
    for driver, node in CSI_NODES.items():
        if name.startswith(driver):
            return _describe(root, entry, name, "csi") if name == node else None
    try:
        index = (entry / "index").read_text().strip()
    except OSError:
        index = "0"
    if index != "0":  # a webcam's further nodes carry metadata, not pictures
        return None
    bus: Literal["usb", "other"] = "usb" if re.search(r"/usb\d+/", str((entry / "device").resolve())) else "other"
    return _describe(root, entry, name, bus)


def _describe(root: Path, entry: Path, name: str, bus: Literal["usb", "csi", "other"]) -> Camera:
    return Camera(
        node=f"/dev/{entry.name}", name=name, bus=bus, usable=os.access(root / "dev" / entry.name, os.R_OK | os.W_OK)
    )


def _number(entry: Path) -> int:
    digits = entry.name.removeprefix("video")
    return int(digits) if digits.isdigit() else 0
