"""One at a time: whoever changes what a device runs holds this lock, which also a killed process gives back."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge.errors import EdgeError


@contextlib.contextmanager
def held(lock: Path, *, wait: bool, command: str) -> Iterator[None]:
    """Hold a lock.

    It goes along to programs that are started (pip) and holds until the last of them has ended, should this process be
    killed.

    Args:
        lock: the file; its folder is made.
        wait: until whoever holds it is done.
        command: what to run as root where this user may not write there.

    Raises:
        EdgeError: somebody else holds it and ``wait`` is not set, or the place can't be written.
    """
    try:
        lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EdgeError(f"cannot write {lock}: {error.strerror}; run this as root: sudo {command}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise EdgeError("another installation or update is at work here; try again when it is done") from error
        os.set_inheritable(handle, True)
        yield
    finally:
        os.close(handle)
