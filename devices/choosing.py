"""From what a user types to a profile and the options for the camera that is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from devices.cameras import Camera
from devices.probe import probe
from devices.profile import CAMERAS, Attachment, Profile, load, load_all
from edge.errors import EdgeError

#: Stands for the nearest profile.
THIS = "this"


def choose(name: str, root: Path = Path("/")) -> tuple[Profile, Sequence[Camera]]:
    """Return a profile, and the cameras that are there where it is the nearest to the machine ``root``.

    Raises:
        EdgeError: there is none of that name, or none comes near.
    """
    if name != THIS:
        return load(name), ()
    device = probe(root)
    if device.profile is None:
        raise EdgeError("no profile comes near this machine; choose one: edge-device profile")
    return load(device.profile.profile), device.cameras or ()


def attachment_of(profile: Profile, asked: str, cameras: Sequence[Camera] = ()) -> Attachment:
    """Return how the camera is attached: as asked for, as it is, or as such devices have it.

    Raises:
        EdgeError: asked for what is no way to attach a camera.
    """
    for attachment in CAMERAS:
        if asked == attachment:
            return attachment
    if asked:
        raise EdgeError(f"--camera: {asked!r} is none of {', '.join(CAMERAS)}")
    ribbon = any(camera.bus == "csi" for camera in cameras)
    usb = any(camera.bus == "usb" for camera in cameras)
    return "webcam" if usb and not ribbon else profile.attachment


def listing(as_json: bool = False, root: Path = Path("/")) -> str:
    """Return the profiles, a line each; the nearest to the machine ``root`` is marked."""
    profiles = load_all()
    match = probe(root).profile
    if as_json:
        content = {"profiles": {p.name: p.kind for p in profiles}, "nearest": match}
        return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    width = max(len(profile.name) for profile in profiles)
    lines = []
    for profile in profiles:
        marked = "  <- this machine" if match and match.profile == profile.name else ""
        lines.append(f"{profile.name:<{width}}  {profile.kind.title}{marked}")
    if match:
        lines += ["", f"nearest: {match.profile}, {match.why}"]
    return "\n".join(lines)
