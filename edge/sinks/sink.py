"""What every sink does."""

from __future__ import annotations

from typing import Protocol

from edge.types import Result


class Sink(Protocol):
    """Takes results, one a frame, in the thread of its own that :class:`edge.outlet.Outlet` gives it."""

    def write(self, result: Result) -> bool:
        """Take one result; False says that nobody wants more (a reader of standard output went away).

        It may take its time: the pipeline goes on meanwhile. A sink that talks to somebody who can go away (a broker,
        browsers) keeps going by itself and reports through :class:`edge.health.SinkHealth`.

        Raises:
            EdgeError: the result can't be written; what was written before stays readable. Unattended runs open the
                sink again later.
        """

    def close(self) -> None:
        """Finish: flush, release, close. Called from the same thread as :meth:`write`, or after it has ended."""
