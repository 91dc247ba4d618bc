"""What is written for a device: options of ``edge-run``, and what its unit has to allow."""

from __future__ import annotations

import json
import re
from pathlib import Path

from devices.choosing import attachment_of, choose
from devices.install.manifest import Choices
from devices.layout import Layout
from devices.profile import Profile
from edge.errors import EdgeError

#: Extras that talk to a network.
_TALK = frozenset({"web", "mqtt", "prometheus"})

#: Sources that come to an end.
_FINITE = re.compile(r"demo$|.*\.(mp4|mkv|avi|mov|webm|jpe?g|png)$", re.I)

_KEEPING = """# Readings, a line of JSON a frame: ten earlier files of 50 MB at most. Nothing else is kept of a picture.
jsonl = {jsonl}
rotate_mb = 50
rotate_keep = 10
"""

_WEB = """
# The live page, for this device alone: http://127.0.0.1:8765. For the network around it, web_host = "0.0.0.0", and a
# token: EDGE_RUN_WEB_TOKEN=... in secrets.env.
web = true
"""

_METRICS = """
# Metrics for Prometheus, for this device alone: http://127.0.0.1:9464/metrics.
metrics = true
"""

_MQTT = """
# The broker to publish to; nothing is published until it is named. A password goes into secrets.env.
#mqtt = "broker.example:8883"
#mqtt_tls = true
"""

_NETWORK = """# Written by edge-device install, because what was chosen talks to a network: {why}.
# Without this file edge-run.service has no network at all.

[Unit]
After=network.target

[Service]
PrivateNetwork=no
IPAddressDeny=
RestrictAddressFamilies=AF_INET AF_INET6
"""

_MEMORY = """# Written by edge-device install for the profile {name}, which says why.

[Service]
MemoryMax={megabytes}M
"""

_UPDATES = """# How this device takes signed updates (docs/fleet.md). Yours to change; it is not written again.

# MiB that a new version may use while it is tried: what the service has, by profile {name}.
memory_mb = {megabytes}
"""

SECRETS = b"""# Variables of edge-run that others must not read, NAME=value; after a change: systemctl restart edge-run
#EDGE_RUN_MQTT_PASSWORD=
#EDGE_RUN_WEB_TOKEN=
"""


def resolve(layout: Layout, choices: Choices) -> tuple[Profile, Choices]:
    """Return the profile, and the choices with what was found on the device in place of what was left open.

    Raises:
        EdgeError: no such profile, or none comes near.
    """
    try:
        profile, cameras = choose(choices.profile, layout.root)
    except EdgeError as error:
        if layout.here or choices.profile != "this":
            raise
        raise EdgeError("an image can't be asked what device it is for; say it: --profile raspberry-pi-5") from error
    attachment = attachment_of(profile, choices.camera, cameras)
    return profile, Choices(profile.name, attachment, choices.source, choices.extras)


def render(layout: Layout, profile: Profile, choices: Choices) -> bytes:
    """Return the file with options, each with its reason."""
    attachment = attachment_of(profile, choices.camera)
    text = profile.render(attachment)
    head, _, rest = text.partition("\n\n")
    head = (
        f"# Options of the service edge-run, from profile {profile.name}. Yours to change; it is not written again.\n"
        "# What counts: sudo edge-run config --config /etc/edge-run/edge-run.toml.\n"
        "# After a change: sudo systemctl restart edge-run"
    )
    if choices.source:
        loop = "# It would come to an end otherwise.\nloop = true\n" if _FINITE.match(choices.source) else ""
        line = f"# As asked for at installation.\nsource = {_text(choices.source)}\n{loop}".rstrip("\n")
        rest = _without(rest, "source")
        if not _is_camera(choices.source):
            for name in ("camera_size", "camera_fps", "camera_format"):
                rest = _without(rest, name)
        rest = f"{line}\n{rest}"
    results = layout.inside(layout.results) / "results.jsonl"
    parts = [head, "", rest.rstrip("\n"), "", _KEEPING.format(jsonl=_text(str(results))).rstrip("\n")]
    text = "\n".join(parts) + "\n"
    for extra, addition in (("web", _WEB), ("prometheus", _METRICS), ("mqtt", _MQTT)):
        if extra in choices.extras:
            text += addition
    return text.encode()


def render_updates(profile: Profile) -> bytes:
    """Return the file that says how updates are taken."""
    return _UPDATES.format(name=profile.name, megabytes=profile.kind.memory_max_mb).encode()


def drop_ins(profile: Profile, choices: Choices) -> dict[str, bytes]:
    """Return the drop-ins of the unit by name."""
    files = {"memory.conf": _MEMORY.format(name=profile.name, megabytes=profile.kind.memory_max_mb)}
    why = [extra for extra in choices.extras if extra in _TALK]
    if "://" in choices.source:
        why.append("a stream")
    if why:
        files["network.conf"] = _NETWORK.format(why=", ".join(why))
    return {name: text.encode() for name, text in files.items()}


def _is_camera(source: str) -> bool:
    return "://" not in source and not _FINITE.match(source)


def _text(value: str) -> str:
    # A JSON string without escapes beyond ASCII is a TOML basic string as well.
    return json.dumps(value, ensure_ascii=False)


def _without(text: str, option: str) -> str:
    """Return options without one of them, and without the comment above it."""
    return re.sub(rf"^(?:#[^\n]*\n)*{option} = [^\n]*\n?", "", text, flags=re.M)


def packaged(name: str) -> Path:
    """Return a file that comes along and goes onto devices as it is."""
    path = FIRMWARE / name
    if not path.is_file():
        raise EdgeError(f"{path} is missing; install emot-edge again")
    return path


#: What goes onto devices as it is; beside this package in a checkout and where it is installed.
FIRMWARE = Path(__file__).parent.parent.parent / "firmware_configs"
