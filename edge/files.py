"""Writing files so that a reader, or a power cut, sees the old one or the new one and nothing between."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge.errors import EdgeError


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``: written beside it, flushed to disk, renamed over it.

    Raises:
        EdgeError: the folder cannot be written to, or the disk is full. What was there before is unchanged.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; when the block ends without error, rename it over ``path``.

    Raises:
        EdgeError: the folder cannot be written to, or the disk is full. What was there before is unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise EdgeError(f"cannot write {path}: {error.strerror}; choose another place") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp made it private
        temporary.replace(path)
    except OSError as error:
        raise EdgeError(f"cannot write {path}: {error.strerror}; what was there is unchanged") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
