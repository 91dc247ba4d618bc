"""Changes that a power cut finds done or not done: written aside, flushed to the disk, renamed into place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edge.errors import EdgeError


def write(path: Path, data: bytes, mode: int = 0o644, group: int | None = None) -> None:
    """Replace a file. It never has another mode or group than the ones asked for.

    Args:
        path: the file; its folder exists.
        data: what it holds.
        mode: permissions.
        group: number of the group it belongs to; None: this process's.

    Raises:
        EdgeError: it can't be written. What was there before is unchanged.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if group is not None:
                os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise EdgeError(f"cannot write {path}: {error.strerror}; what was there is unchanged") from error


def link(path: Path, target: Path | str) -> None:
    """Make a symbolic link, or point one elsewhere, in one step.

    Raises:
        EdgeError: it can't be made. What was there before is unchanged.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise EdgeError(f"cannot link {path}: {error.strerror}; what was there is unchanged") from error


def flush_folder(folder: Path) -> None:
    """Flush a folder, so that a name in it outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
