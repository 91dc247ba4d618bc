"""Changes that a power cut finds done or not done: written aside, flushed to the disk, renamed into place."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from edge.errors import EdgeError

_LIBC = ctypes.CDLL(None, use_errno=True)


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
    temporary = aside(path)
    try:
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
        temporary.unlink(missing_ok=True)
        raise EdgeError(f"cannot write {path}: {error.strerror}; what was there is unchanged") from error


def link(path: Path, target: Path | str) -> None:
    """Make a symbolic link, or point one elsewhere, in one step.

    Raises:
        EdgeError: it can't be made. What was there before is unchanged.
    """
    temporary = aside(path)
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise EdgeError(f"cannot link {path}: {error.strerror}; what was there is unchanged") from error


def aside(path: Path) -> Path:
    """Return where the next content of a path is written: always there, so that leftovers are found."""
    return path.with_name(f".{path.name}.new")


def flush_disk(folder: Path) -> None:
    """Flush everything that was written to the file system that a folder is on."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # os.sync() would wait for every other disk as well, such as a stick that somebody is copying to.
        if not hasattr(_LIBC, "syncfs") or _LIBC.syncfs(handle) != 0:
            os.sync()
    finally:
        os.close(handle)


def flush_folder(folder: Path) -> None:
    """Flush a folder, so that a name in it outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
