"""Is there a camera, and can this user read it?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from devices.cameras import Camera
from devices.finding import Finding
from devices.situation import Situation

_JOIN = "sudo usermod -aG video $USER, then log in again"


def check(situation: Situation) -> Iterator[Finding]:
    """Look at cameras."""
    source = situation.settings.source if situation.settings else None
    if source is not None and not _is_camera(source):
        yield Finding("camera", "ok", "the configured source needs no camera here")
        return
    cameras = situation.device.cameras
    if cameras is None:
        yield Finding("camera", "note", "this system does not list its cameras", "edge-run --source 0")
        return
    yield from _presence(situation, cameras, source)
    for camera in cameras:
        if not camera.usable:
            yield _unusable(situation, camera)
    yield from _picamera2(situation, cameras, source)


def _is_camera(source: str) -> bool:
    if source == "demo" or "://" in source:
        return False
    return source.startswith("/dev/") or not Path(source).expanduser().exists()


def _presence(situation: Situation, cameras: tuple[Camera, ...], source: str | None) -> Iterator[Finding]:
    ribbon = [camera for camera in cameras if camera.bus == "csi"]
    if source is not None and source.startswith("picamera"):
        cameras = tuple(ribbon)
    elif source is not None and cameras:
        yield from _configured(cameras, source)
    if cameras:
        names = ", ".join(f"{camera.node} ({camera.name})" for camera in cameras)
        yield Finding("camera", "ok", f"found: {names}")
        return
    if not situation.is_pi:
        yield Finding("camera", "warning", "no camera is there", "plug one in, then: edge-device probe")
        return
    config = situation.root / "boot/firmware/config.txt"
    if config.is_file() and not _detects_cameras(config.read_text(errors="replace")):
        text = "no camera is there, and config.txt does not look for one on the ribbon cable"
        remedy = "printf '[all]\\ncamera_auto_detect=1\\n' | sudo tee -a /boot/firmware/config.txt && sudo reboot"
        yield Finding("camera", "warning", text, remedy)
        return
    remedy = "check the ribbon cable at both ends (without power), then: rpicam-hello --list-cameras"
    yield Finding("camera", "warning", "no camera is there", remedy)


def _configured(cameras: tuple[Camera, ...], source: str) -> Iterator[Finding]:
    """Look for the camera that the configuration names."""
    path = f"/dev/video{int(source)}" if source.isdigit() else source
    if path.startswith("/dev/v4l/"):
        return  # links, which move with the camera
    named = [c for c in cameras if c.node == path or (not path.startswith("/") and path.lower() in c.name.lower())]
    if not named:
        here = ", ".join(f"{camera.node} ({camera.name})" for camera in cameras)
        remedy = "put one of these into source; a camera's name stays when its number changes"
        yield Finding("source", "warning", f"the configured source {source!r} is not there; here: {here}", remedy)
    elif named[0].bus == "csi":
        text = f"the configured source {source!r} is a camera on the ribbon cable, which is read another way"
        yield Finding("source", "error", text, 'in the configuration: source = "picamera"')


def _detects_cameras(config: str) -> bool:
    """Say whether ``config.txt`` lets the firmware look for cameras, or names one."""
    lines = [line.partition("#")[0].strip() for line in config.splitlines()]
    named = any(re.match(r"dtoverlay=(imx|ov|arducam|tc358743|mira|camera)", line) for line in lines)
    return named or "camera_auto_detect=1" in lines


def _unusable(situation: Situation, camera: Camera) -> Finding:
    name = f"{camera.node} ({camera.name})"
    if not (situation.root / camera.node[1:]).exists():
        remedy = "sudo udevadm trigger --subsystem-match=video4linux"
        return Finding("camera-node", "warning", f"{name} has no device file", remedy)
    return Finding("camera-permission", "error", f"{name} may not be opened by this user", _JOIN)


def _picamera2(situation: Situation, cameras: tuple[Camera, ...], source: str | None) -> Iterator[Finding]:
    state = situation.device.picamera2
    ribbon = any(camera.bus == "csi" for camera in cameras)
    if not (ribbon if source is None else source.startswith("picamera")):
        return
    if state == "available":
        yield Finding("picamera2", "ok", "Picamera2 is there for the ribbon cable")
        return
    if situation.device.picamera2_in_system:
        text = "the system has Picamera2, and this environment does not see it"
        config = Path(sys.prefix) / "pyvenv.cfg"
        remedy = f"sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/' {config}"
    else:
        text = f"the camera on the ribbon cable is read through Picamera2: {state}"
        remedy = "sudo apt install -y python3-picamera2 --no-install-recommends"
    yield Finding("picamera2", "error", text, remedy)
