"""Changes that a power cut finds done or not done, in the order in which they were made.

A file system may write names before contents, and later things before earlier ones. Contents are therefore flushed
before they get their name, and the folder of a name before anything rests on it. What goes wrong is an
:class:`OSError` that names the path; what was there before is then unchanged.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)


def write(path: Path, content: bytes, mode: int = 0o644, group: int | None = None) -> None:
    """Replace a file: the old content or the new one is there, at any instant and after it.

    It never has another mode or group than the ones asked for.

    Args:
        path: the file; its folder exists.
        content: what it holds.
        mode: permissions.
        group: number of the group it belongs to; None: this process's.
    """
    temporary = aside(path)
    try:
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if group is not None:
                os.fchown(handle, -1, group)
            os.fchmod(handle, mode)
            os.fsync(handle)
        temporary.replace(path)
    except OSError as error:
        _give_up(temporary, path, error)
    flush(path.parent)


def link(path: Path, target: Path | str) -> None:
    """Make a symbolic link, or let one lead elsewhere: there or where it led before, at any instant and after it."""
    temporary = aside(path)
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(path)
    except OSError as error:
        _give_up(temporary, path, error)
    flush(path.parent)


def _give_up(temporary: Path, path: Path, error: OSError) -> None:
    """Say of which path it is true: who reads it knows that one."""
    try:
        temporary.unlink(missing_ok=True)
    finally:
        raise OSError(error.errno, error.strerror, str(path)) from error


def aside(path: Path) -> Path:
    """Return where the next content of a path is written: always there, so that leftovers are found."""
    return path.with_name(f".{path.name}.new")


def append(path: Path, line: bytes, keep: int = 512_000) -> None:
    """Add a line to a file, which loses its older half when it has grown too long.

    Args:
        path: the file.
        line: without its end.
        keep: bytes.
    """
    content = path.read_bytes() if path.exists() else b""
    if content and not content.endswith(b"\n"):
        content += b"\n"
    if len(content) > keep:
        content = content[content.index(b"\n", len(content) // 2) + 1 :]
    write(path, content + line + b"\n")


def remove(path: Path) -> None:
    """Remove a file or a link, if it is there."""
    path.unlink(missing_ok=True)
    flush(path.parent)


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it; its name goes first, so that nothing takes a half-removed one for whole."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    doomed = path if path.name.startswith(".") else path.with_name(f".removed-{path.name}")
    if doomed != path:
        if doomed.exists():
            shutil.rmtree(doomed)
        path.rename(doomed)
        flush(path.parent)
    shutil.rmtree(doomed)


def flush(path: Path) -> None:
    """Put a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_disk(folder: Path) -> None:
    """Put everything that was written to the file system of a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # os.sync() would wait for every other disk as well, such as a stick that somebody is copying to.
        if not hasattr(_LIBC, "syncfs") or _LIBC.syncfs(handle) != 0:
            os.sync()
    finally:
        os.close(handle)
