"""What every sink does."""

from __future__ import annotations

from typing import Protocol

from edge.types import Result


class Sink(Protocol):
    """Takes results, one a frame."""

    def write(self, result: Result) -> bool:
        """Take one result; False asks the run to end (somebody closed the window).

        Raises:
            EdgeError: the result can't be written; what was written before stays readable.
        """

    def close(self) -> None:
        """Finish: flush, release, close."""
