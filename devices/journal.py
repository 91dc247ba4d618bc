"""What the service and systemd wrote about it."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from typing import Any

import msgspec

from devices.layout import UNIT
from edge.errors import EdgeError

#: How far back errors are looked for, entries.
_BACK = 500

#: syslog(3): 0 is an emergency, 4 a warning.
_WARNING = 4


class Entry(msgspec.Struct, frozen=True):
    """One line of the journal.

    Attributes:
        time: ISO 8601, of this machine's time zone.
        text: the line.
    """

    time: str
    text: str


def command(lines: int, follow: bool) -> list[str]:
    """Return the program that shows the journal of the service, for people.

    Raises:
        EdgeError: there is none.
    """
    program = shutil.which("journalctl")
    if program is None:
        raise EdgeError("journalctl is missing, so there is no journal to show; systemd brings it")
    shown = [program, f"--unit={UNIT}", f"--lines={lines}", "--no-hostname", "--output=short-iso"]
    return [*shown, "--follow"] if follow else [*shown, "--no-pager"]


def complaints(count: int) -> tuple[Entry, ...] | None:
    """Return the last errors and warnings, oldest first; None where the journal can't be read."""
    program = shutil.which("journalctl")
    if program is None:
        return None
    asked = [program, f"--unit={UNIT}", f"--lines={_BACK}", "--output=json", "--no-pager", "--quiet"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, errors="replace", timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return pick(done.stdout, count)


def pick(output: str, count: int) -> tuple[Entry, ...]:
    """Return the last errors and warnings of what ``journalctl --output=json`` printed."""
    found = []
    for line in output.splitlines():
        try:
            entry: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            continue
        text = entry.get("MESSAGE")
        if not isinstance(text, str):  # bytes that are no text come as a list of numbers
            continue
        # What edge-run prints has no priority of its own; its mistakes begin like this.
        if int(entry.get("PRIORITY", 6)) <= _WARNING or text.startswith(("error:", "Traceback")):
            moment = datetime.datetime.fromtimestamp(int(entry.get("__REALTIME_TIMESTAMP", 0)) / 1e6).astimezone()
            found.append(Entry(moment.isoformat(timespec="seconds"), text))
    return tuple(found[-count:])
