"""JSON Lines: one object a frame, in a file or on standard output."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from edge.errors import EdgeError
from edge.events import encode
from edge.types import Result


class JsonLinesSink:
    """Writes each result as one line and flushes it, so that what is there is always whole lines."""

    def __init__(self, path: Path) -> None:
        """Open the file anew; ``-`` is standard output.

        Raises:
            EdgeError: the file can't be created.
        """
        self._name = str(path)
        self._file: BinaryIO
        if self._name == "-":
            self._file = sys.stdout.buffer
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
        except OSError as error:
            raise EdgeError(f"cannot write {path}: {error.strerror}; choose another place for --jsonl") from error

    def write(self, result: Result) -> bool:
        """Write one line."""
        try:
            self._file.write(encode(result) + b"\n")
            self._file.flush()
        except BrokenPipeError:
            return False  # whoever read standard output has seen enough
        except OSError as error:
            raise EdgeError(f"cannot write {self._name}: {error.strerror}; lines written so far are kept") from error
        return True

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._name != "-":
            self._file.close()
