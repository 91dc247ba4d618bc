"""What every meter does."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class MeterLostError(Exception):
    """A meter can't be read any more; the message says why."""


class Meter(Protocol):
    """Tells watts.

    Attributes:
        name: such as ``ina219``.
        measures: of what, in words: figures of the whole board and of the processor alone are no equals.
    """

    name: str
    measures: str

    def read(self) -> float | None:
        """Return the watts now, of counters the mean since the reading before; None where there is none yet.

        Raises:
            MeterLostError: it can't be read any more.
        """


def read_number(path: Path) -> float:
    """Return the number in a file of the kernel's.

    Raises:
        MeterLostError: the file is gone, holds something else, or may not be read.
    """
    try:
        return float(path.read_text())
    except OSError as error:
        raise MeterLostError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise MeterLostError(f"{path} holds no number") from error
