"""A result that took minutes or hours is not lost to a full disk."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from bench.result import Result, write_result
from bench.saving import finish
from edge.errors import EdgeError


def keep(result: Result, json_file: Path | None, save: bool) -> None:
    """Write a result where it was asked for; where that fails, somewhere else, at the worst on standard output.

    Raises:
        EdgeError: it isn't where it was asked for; the message says where it is.
    """
    try:
        finish(result, json_file, save)
    except EdgeError as error:
        name = f"edge-bench-{result.kind}-{result.time.replace(':', '')}.json"
        for folder in (Path(tempfile.gettempdir()), Path.home()):
            try:
                write_result(result, folder / name)
            except EdgeError:
                continue
            raise EdgeError(f"{error}; the result is kept in {folder / name}") from error
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
        raise EdgeError(f"{error}; the result stands above, as JSON") from error
