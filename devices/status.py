"""How the service is doing: what systemd, the journal, the sensors and the disk tell, at a glance."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from devices.install.environment import recipe
from devices.journal import Entry, complaints
from devices.layout import UNIT, Layout
from devices.storage import read_free
from devices.throttling import read_throttling
from devices.update.journal import Standing
from devices.update.places import Places
from edge.errors import EdgeError
from edge.temperature import temperature

#: Version of the JSON; keys are only ever added.
STATUS_VERSION = 1

_SHOWN = "LoadState,ActiveState,SubState,Result,StatusText,NRestarts,MemoryCurrent,StateChangeTimestamp,UnitFileState"

#: How ``edge-run`` tells what it does.
_SEEING = re.compile(r"(\d+) frames a second, (\d+) faces")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The service; None means unknown.

    Attributes:
        service: ``active``, ``inactive``, ``failed``, ``activating``, ``not installed``.
        result: why it ended the last time; ``success`` if for no bad reason.
        since: seconds since the Epoch of the last change of that.
        at_boot: whether it starts at boot.
        restarts: how often systemd has started it again by itself.
        says: what it says it is doing.
        frames_per_second: of that.
        faces: of that.
        memory_mb: MiB that it uses.
        temperature_c: of the processor, degrees Celsius.
        throttling: what a Raspberry Pi's firmware reports.
        disk_free_mb: MiB where it writes.
        software: version that is installed.
        model: name of the bundle that an update brought; ``packaged`` without one.
        update: what updates did last, and when; None: nothing so far.
        errors: the last ones in the journal; None where it can't be read.
        version: of this record.
    """

    service: str
    result: str | None
    since: float | None
    at_boot: bool
    restarts: int | None
    says: str | None
    frames_per_second: int | None
    faces: int | None
    memory_mb: int | None
    temperature_c: float | None
    throttling: tuple[str, ...] | None
    disk_free_mb: int | None
    software: str | None
    model: str
    update: str | None
    errors: tuple[Entry, ...] | None
    version: int = STATUS_VERSION

    @property
    def exit_code(self) -> int:
        """0: it runs; 1: it is being started, perhaps again; 2: it doesn't."""
        return {"active": 0, "reloading": 0, "activating": 1}.get(self.service, 2)


def look(layout: Layout | None = None) -> Status:
    """Look at this machine's service.

    Raises:
        EdgeError: systemd can't be asked.
    """
    layout = layout or Layout()
    shown = parse(_show())
    says = shown.get("StatusText") or None
    seen = _SEEING.search(says or "") if shown.get("ActiveState") == "active" else None
    made = recipe(layout.current)
    heat = temperature(layout.root)
    model = layout.current_model
    return Status(
        service="not installed" if shown.get("LoadState") == "not-found" else shown.get("ActiveState", "unknown"),
        result=shown.get("Result") or None,
        since=_seconds(shown.get("StateChangeTimestamp", "")),
        at_boot=shown.get("UnitFileState") == "enabled",
        restarts=_number(shown.get("NRestarts", "")),
        says=says,
        frames_per_second=int(seen[1]) if seen else None,
        faces=int(seen[2]) if seen else None,
        memory_mb=memory // 2**20 if (memory := _number(shown.get("MemoryCurrent", ""))) else None,
        temperature_c=round(heat, 1) if heat is not None else None,
        throttling=read_throttling(layout.root),
        disk_free_mb=read_free(layout.root),
        software=made.version if made else None,
        model=model.readlink().name if model.is_symlink() else "packaged",
        update=last_update(layout),
        errors=complaints(3),
    )


def describe(status: Status, now: float | None = None) -> str:
    """Return a line a fact, what matters first."""
    lasting = "" if status.since is None else f" for {span((time.time() if now is None else now) - status.since)}"
    state = status.service + (f" ({status.result})" if status.result not in (None, "success") else "") + lasting
    if status.service != "not installed" and not status.at_boot:
        state += ", not started at boot"
    facts = {
        "service": state,
        # systemd keeps the last word of a process that is gone.
        "says" if status.service == "active" else "said last": status.says or "nothing",
        "restarts": None if not status.restarts else f"{status.restarts} by itself, since it was last started by hand",
        "temperature": None if status.temperature_c is None else f"{status.temperature_c:.0f} °C",
        "throttling": None if status.throttling is None else "; ".join(status.throttling) or "none",
        "memory": None if status.memory_mb is None else f"{status.memory_mb} MiB",
        "disk": None if status.disk_free_mb is None else f"{status.disk_free_mb} MiB free",
        "software": status.software or "none in /opt/emot-edge",
        "model": status.model,
        "update": status.update,
    }
    lines = [f"{name:<13}{value}" for name, value in facts.items() if value is not None]
    if status.errors is None:
        lines.append(f"{'errors':<13}the journal can't be read: sudo edge-device status")
    elif not status.errors:
        lines.append(f"{'errors':<13}none")
    else:
        lines += ["last errors", *(f"  {entry.time}  {entry.text}" for entry in status.errors)]
    return "\n".join(lines)


def last_update(layout: Layout) -> str | None:
    """Return in a line what updates did last; None where nothing is known of any."""
    try:
        standing = msgspec.json.decode(Places(layout.root).last.read_bytes(), type=Standing)
    except (OSError, msgspec.DecodeError):
        return None
    if standing.unconfirmed:
        return f"{standing.unconfirmed}: switched to and not confirmed yet"
    last = standing.last
    if last is None:
        return None
    why = "" if last.outcome == "confirmed" or not last.message else f": {last.message}"
    return f"{last.kind} {last.version} {last.outcome} at {last.time}{why}"


def span(seconds: float) -> str:
    """Return a time span in its two largest units."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount or (parts and len(parts) < 2):
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2]) or "0 s"


def parse(output: str) -> Mapping[str, str]:
    """Return what ``systemctl show`` printed, by property."""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def _show() -> str:
    if not Path("/run/systemd/system").is_dir():
        raise EdgeError("systemd does not run this machine, so there is no service; run edge-run by hand")
    try:
        done = subprocess.run(
            ["systemctl", "show", "--timestamp=unix", f"--property={_SHOWN}", UNIT],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EdgeError(f"systemd can't be asked ({error}); try: systemctl status {UNIT}") from error
    if done.returncode:
        raise EdgeError(f"systemd can't be asked ({done.stderr.strip()}); try: systemctl status {UNIT}")
    return done.stdout


def _number(text: str) -> int | None:
    # Where memory isn't controlled it is "[not set]", or the largest number there is.
    return int(text) if text.isdigit() and int(text) < 2**63 else None


def _seconds(text: str) -> float | None:
    return float(text[1:]) if re.fullmatch(r"@\d+(\.\d+)?", text) and float(text[1:]) > 0 else None
