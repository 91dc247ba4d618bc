"""JSON Lines: one object a frame, in a file or on standard output."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import BinaryIO

from edge.errors import EdgeError
from edge.events import encode
from edge.types import Result


class JsonLinesSink:
    """Writes each result as one line at once, so that what is there is always whole lines."""

    def __init__(self, path: Path) -> None:
        """Open the file anew; ``-`` is standard output.

        Raises:
            EdgeError: the file can't be created.
        """
        self._name = str(path)
        self._written = 0
        self._file: BinaryIO
        if self._name == "-":
            self._file = sys.stdout.buffer
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise EdgeError(f"cannot write {path}: {error.strerror}; choose another place for --jsonl") from error

    def write(self, result: Result) -> bool:
        """Write one line."""
        line = encode(result) + b"\n"
        try:
            # A disk that is filling up takes part of a line first and refuses at the next attempt.
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            self._file.flush()
        except BrokenPipeError:
            return False  # whoever read standard output has seen enough
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._written)
            raise EdgeError(f"cannot write {self._name}: {error.strerror}; lines written so far are kept") from error
        self._written += len(line)
        return True

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._name != "-":
            self._file.close()
