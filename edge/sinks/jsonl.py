"""JSON Lines: one object a frame, in a file or on standard output."""

from __future__ import annotations

from pathlib import Path

from edge.events import encode
from edge.sinks.growing import GrowingFile
from edge.types import Result


class JsonLinesSink:
    """Writes each result as one line at once, so that what is there is always whole lines."""

    def __init__(self, path: Path, *, append: bool = False, rotate_bytes: int = 0, keep: int = 5) -> None:
        """Open the file anew; ``-`` is standard output.

        Args:
            path: the file.
            append: go on with a file that is there.
            rotate_bytes: begin a new file at this size; 0: never. A file that rotates is gone on with as well.
            keep: so many earlier files stay: ``name.1.jsonl`` is the latest of them.

        Raises:
            EdgeError: the file can't be opened.
        """
        self._file = GrowingFile(path, "--jsonl", append=append, rotate_bytes=rotate_bytes, keep=keep)

    def write(self, result: Result) -> bool:
        """Write one line."""
        return self._file.write(encode(result) + b"\n")

    def close(self) -> None:
        """Close the file; standard output stays open."""
        self._file.close()
