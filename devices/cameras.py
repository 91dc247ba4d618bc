"""The cameras of a device, and whether the one who asks may open them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from edge.sources.v4l2 import read_nodes


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
    nodes = read_nodes(root)
    if nodes is None:
        return None
    return tuple(
        Camera(node.path, node.name, node.bus, os.access(root / node.path[1:], os.R_OK | os.W_OK)) for node in nodes
    )
