"""A new bundle appears whole or not at all: it is built beside its place and renamed into it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge.errors import EdgeError


def check_free(out: Path) -> None:
    """Refuse a place where something lies.

    Raises:
        EdgeError: ``out`` is a file, or a folder that is not empty.
    """
    if out.is_dir() and any(out.iterdir()):
        raise EdgeError(f"--out {out} is not empty; choose a new or an empty folder")
    if out.exists() and not out.is_dir():
        raise EdgeError(f"--out {out} is a file; choose a new or an empty folder")


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``out``; when the block ends without error, rename it to ``out``.

    Raises:
        EdgeError: ``out`` is not free, or cannot be written. Nothing is left behind.
    """
    check_free(out)
    out = out.resolve()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        temporary = workshop / out.name  # a folder inside: mkdtemp's own is private, a bundle is not
        temporary.mkdir()
    except OSError as error:
        raise EdgeError(f"cannot write {out}: {error.strerror}; choose another place") from error
    try:
        yield temporary
        if out.is_dir():
            out.rmdir()  # empty: a rename onto it works on some systems only
        temporary.rename(out)
    except OSError as error:
        raise EdgeError(f"cannot write {out}: {error.strerror}; choose another place") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
