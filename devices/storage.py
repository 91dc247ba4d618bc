"""Room on the disk, and whether it can be written at all."""

from __future__ import annotations

import shutil
from pathlib import Path

#: Where the service keeps what it writes, and the disk it is on.
STATE = "var/lib"


def read_free(root: Path = Path("/")) -> int | None:
    """Return the MiB free where the service writes; None where that can't be told."""
    try:
        return shutil.disk_usage(root / STATE if (root / STATE).is_dir() else root).free // 2**20
    except OSError:
        return None


def read_only(root: Path = Path("/")) -> bool | None:
    """Say whether the root file system of the tree ``root`` is mounted read-only; None where nothing tells.

    A kernel does that by itself after errors, which is how a worn SD card shows.
    """
    try:
        mounts = (root / "proc/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return None
    # The last one counts: later mounts lie on top of earlier ones.
    found = [fields[3].split(",") for line in mounts if len(fields := line.split()) > 3 and fields[1] == "/"]
    return "ro" in found[-1] if found else None
