"""Changing a file tree so that what was done before a power cut is done, in the order in which it was done.

A file system may write names before contents, and later things before earlier ones. Contents are therefore flushed
before they get their name, and the folder of a name before anything rests on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edge.errors import EdgeError

#: Ends names of files that are not finished.
UNFINISHED = ".new"


def flush(path: Path) -> None:
    """Put a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file: the old content or the new one is there, at any instant and after it."""
    temporary = path.with_name(path.name + UNFINISHED)
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    temporary.replace(path)
    flush(path.parent)


def link(path: Path, target: str) -> None:
    """Let a symbolic link lead elsewhere: there or where it led before, at any instant and after it."""
    temporary = path.with_name(path.name + UNFINISHED)
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
    flush(path.parent)


def remove(path: Path) -> None:
    """Remove a file or a link, if it is there."""
    path.unlink(missing_ok=True)
    flush(path.parent)


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


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock, which also a killed process gives back.

    Raises:
        EdgeError: somebody else holds it, or the place can't be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EdgeError(f"cannot write {lock}: {error.strerror}; run this as root: sudo edge-device update") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EdgeError("another update is at work here; try again when it is done") from error
        yield
    finally:
        os.close(handle)
