"""A file that grows by whole lines for months: rotated, moved away by others, on disks that fill up."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from edge.errors import EdgeError

#: How far from its end a file is searched for the last whole line at a time, bytes.
_CHUNK = 65536


class GrowingFile:
    """Appends whole lines, each with one system call, so that a reader never meets a part of one for long.

    - **Rotation.** Before a line would carry the file beyond its size, ``name.jsonl`` becomes ``name.1.jsonl``, that
      one ``name.2.jsonl``, and so on; the oldest beyond ``keep`` goes. Each step renames one file, so a run that is
      killed in between leaves every line in exactly one of them, and the next rotation closes the gap.
    - **Moved away.** What somebody else renamed or deleted (logrotate) is left to them; the next line begins a new
      file. One that was cut short in place (``copytruncate``) is written on at its new end.
    - **Full disk.** The part of a line that still found room is taken back.
    - **Killed.** What a process left of its last line is cut off when the file is gone on with.
    """

    def __init__(
        self,
        path: Path,
        option: str,
        *,
        append: bool = False,
        rotate_bytes: int = 0,
        keep: int = 5,
    ) -> None:
        """Open the file; ``-`` is standard output, which is never rotated nor closed.

        Args:
            path: the file; its folder is made.
            option: the flag that named it, for messages.
            append: go on with what is there; otherwise begin anew, unless the file rotates: what rotates was meant to
                be kept, and a service that is started again and again must lose nothing by it.
            rotate_bytes: size that the file may reach; 0: any.
            keep: earlier files that stay when it rotates.

        Raises:
            EdgeError: it can't be opened, or rotates in a folder where nothing may be renamed.
        """
        self._path = path
        self._name = str(path)
        self._option = option
        self._limit = rotate_bytes
        self._keep = keep
        self._header = b""
        self._file: BinaryIO
        self._regular = False
        if self._name == "-":
            self._file = sys.stdout.buffer
        else:
            self._open(anew=not append and not rotate_bytes)
            if self._regular and rotate_bytes and not _may_rename(path.parent):
                self._file.close()
                raise EdgeError(f"{path} can't rotate: nothing may be renamed in its folder; choose another one")

    def begin(self, header: bytes) -> None:
        """Let this file, and those that follow it, begin with a line; a file that begins otherwise is rotated away.

        Raises:
            EdgeError: it can't be written.
        """
        self._header = header
        try:
            if not self._regular:
                self._append(header)
            elif os.fstat(self._file.fileno()).st_size == 0:
                self._head()
            elif not self._begins_with(header):
                self._rotate()
        except BrokenPipeError:
            return  # the next line finds out again
        except OSError as error:
            raise self._failure(error) from error

    def write(self, lines: bytes) -> bool:
        """Append whole lines; False where a reader of standard output (or of a pipe) went away.

        Raises:
            EdgeError: they can't be written, and no part of them was.
        """
        try:
            if self._regular:
                self._follow()
                size = os.fstat(self._file.fileno()).st_size
                if self._limit and size > len(self._header) and size + len(lines) > self._limit:
                    self._rotate()
            self._append(lines)
        except BrokenPipeError:
            return False
        except OSError as error:
            raise self._failure(error) from error
        return True

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._name != "-":
            self._file.close()

    def _open(self, anew: bool = False) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Appending is the system's doing: after somebody cut the file short, the next line is at its new end.
            self._file = self._path.open("ab", buffering=0)
            self._regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
            if self._regular:
                self._file.truncate(0 if anew else _whole(self._path))
        except OSError as error:
            where = f"choose another place for {self._option}"
            raise EdgeError(f"cannot write {self._path}: {error.strerror}; {where}") from error

    def _begins_with(self, header: bytes) -> bool:
        with self._path.open("rb") as file:
            return file.read(len(header)) == header

    def _follow(self) -> None:
        """Begin a new file where the old one is no longer under its name."""
        with contextlib.suppress(FileNotFoundError):
            if not self._file.closed and os.path.samestat(os.fstat(self._file.fileno()), self._path.stat()):
                return
        self._file.close()
        self._open()
        self._head()

    def _rotate(self) -> None:
        """Rename the file and its predecessors, and begin a new one.

        Only predecessors without a gap after them move: a gap was left by a run that was killed here.
        """
        self._file.close()
        try:
            last = next((k for k in range(1, self._keep + 1) if not self._earlier(k).exists()), self._keep)
            for k in range(last, 1, -1):
                self._earlier(k - 1).replace(self._earlier(k))
            self._path.replace(self._earlier(1))
            beyond = self._keep + 1
            while self._earlier(beyond).exists():  # more were kept before
                self._earlier(beyond).unlink()
                beyond += 1
        finally:
            self._open()
        self._head()

    def _earlier(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}.{number}{self._path.suffix}")

    def _head(self) -> None:
        if self._header and not os.fstat(self._file.fileno()).st_size:
            self._append(self._header)

    def _append(self, data: bytes) -> None:
        before = os.fstat(self._file.fileno()).st_size if self._regular else 0
        try:
            # A disk that is filling up takes part of a line first and refuses at the next attempt.
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            self._file.flush()
        except OSError:
            if self._regular:
                with contextlib.suppress(OSError):
                    self._file.truncate(before)
            raise

    def _failure(self, error: OSError) -> EdgeError:
        return EdgeError(f"cannot write {self._name}: {error.strerror}; lines written so far are kept")


def _whole(path: Path) -> int:
    """Return the size of a file up to the end of its last whole line, bytes."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _CHUNK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _may_rename(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)
