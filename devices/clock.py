"""Whether the time of day can be believed: boards without a battery wake up in the past."""

from __future__ import annotations

import ctypes
from pathlib import Path

#: What ``adjtimex(2)`` returns while nothing has set the clock right (TIME_ERROR in <sys/timex.h>).
_UNSYNCHRONISED = 5

#: Larger than any kernel's ``struct timex``; zeroed, it asks and changes nothing.
_ROOM = 512


def read_synchronised(root: Path = Path("/")) -> bool | None:
    """Say whether network time has set the clock of the file tree ``root``; None where nothing tells."""
    if (root / "run/systemd/timesync/synchronized").exists():
        return True
    if root.resolve() != Path("/"):
        return None  # the kernel speaks for this machine alone
    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ROOM)))
    except (OSError, AttributeError, TypeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def has_battery_clock(root: Path = Path("/")) -> bool | None:
    """Say whether there is a clock that goes on without power; None where there is no sysfs to ask.

    A Raspberry Pi 5 has one, but only with a battery on its connector, which cannot be seen from here.
    """
    if not (root / "sys/class").is_dir():
        return None
    return any((root / "sys/class/rtc").glob("rtc*"))
