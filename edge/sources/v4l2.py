"""Cameras as Linux lists them under ``/sys/class/video4linux``; codecs and image processors are left out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from edge.errors import EdgeError

#: Drivers of Raspberry Pi boards whose video nodes are no cameras (decoders, encoders, image signal processors).
NOT_CAMERAS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpi-hevc-dec", "rpivid")

#: Receivers of a camera's ribbon cable on Raspberry Pi boards (Pi 0-4: unicam, Pi 5: rp1-cfe), and the one node of each
#: that stands for the sensor. Pictures come through libcamera, not from the node.
CSI_NODES = {"unicam": "unicam-image", "rp1-cfe": "rp1-cfe-csi2_ch0"}


@dataclasses.dataclass(frozen=True)
class Node:
    """A camera's device file.

    Attributes:
        path: ``/dev/video0``.
        name: the driver's name for it.
        bus: ``usb``; ``csi`` for a ribbon cable (read through picamera2); ``other`` for loopback and platform devices.
        place: where it is plugged in, as the kernel names the port; empty where it doesn't.
    """

    path: str
    name: str
    bus: Literal["usb", "csi", "other"]
    place: str = ""

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"


def read_nodes(root: Path = Path("/")) -> tuple[Node, ...] | None:
    """List the cameras of the file tree ``root``, lowest number first; None where there is no sysfs to ask."""
    if not (root / "sys/class").is_dir():
        return None
    entries = sorted((root / "sys/class/video4linux").glob("video*"), key=_number)
    return tuple(node for entry in entries if (node := _node(entry)))


def find_node(name: str, nodes: Sequence[Node]) -> Node | None:
    """Return the camera that has ``name`` in its name, letters of either case; a whole name wins over a part.

    Raises:
        EdgeError: it fits several cameras.
    """
    wanted = name.strip().lower()
    fitting = [node for node in nodes if wanted and wanted in node.name.lower()]
    whole = [node for node in fitting if wanted == node.name.lower()]
    fitting = whole or fitting
    if len(fitting) > 1:
        raise EdgeError(f"{name!r} fits several cameras: {listed(fitting)}; give one's /dev/video path")
    return fitting[0] if fitting else None


def find_again(seen: Node, nodes: Sequence[Node]) -> Node | None:
    """Return the camera that was ``seen`` before, which may have another number now; None while it is away.

    The port decides between two cameras of one model; a single one may have changed its port.
    """
    same = [node for node in nodes if node.name == seen.name]
    there = [node for node in same if seen.place and node.place == seen.place]
    return there[0] if there else same[0] if len(same) == 1 else None


def listed(nodes: Sequence[Node]) -> str:
    """Return cameras in words."""
    return ", ".join(str(node) for node in nodes) or "none"


def _node(entry: Path) -> Node | None:
    try:
        name = (entry / "name").read_text(errors="replace").strip()
    except OSError:
        return None
    if name.startswith(NOT_CAMERAS):
        return None
    path = f"/dev/{entry.name}"
    for driver, node in CSI_NODES.items():
        if name.startswith(driver):
            return Node(path, name, "csi") if name == node else None
    try:
        index = (entry / "index").read_text().strip()
    except OSError:
        index = "0"
    if index != "0":  # a webcam's further nodes carry metadata, not pictures
        return None
    place = str((entry / "device").resolve()) if (entry / "device").exists() else ""
    return Node(path, name, "usb" if re.search(r"/usb\d+/", place) else "other", place)


def _number(entry: Path) -> int:
    digits = entry.name.removeprefix("video")
    return int(digits) if digits.isdigit() else 0
