"""Any other meter: its own program writes the watts into a file, again and again."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

from bench.power.meter import MeterLostError

#: A number older than this says nothing about now, seconds.
STALE = 5.0

#: The end of a file in which the last number is looked for, bytes.
_TAIL = 4096


class WrittenMeter:
    """A text file whose last number is watts; the way for USB meters that no driver of the kernel knows."""

    name = "file"

    def __init__(self, path: Path) -> None:
        """Take a file.

        Raises:
            MeterLostError: it is not there, holds no number, or nobody writes it.
        """
        self._path = path
        self.measures = f"what the program that writes {path.name} measures"
        self.read()

    def read(self) -> float:
        """Return watts.

        Raises:
            MeterLostError: the file is gone, holds no number, or was last written more than :data:`STALE` seconds ago.
        """
        try:
            age = time.time() - self._path.stat().st_mtime
            with self._path.open("rb") as file:
                file.seek(max(0, self._path.stat().st_size - _TAIL))
                text = file.read().decode(errors="replace")
        except OSError as error:
            raise MeterLostError(f"{self._path}: {error.strerror}") from error
        if age > STALE:
            raise MeterLostError(f"{self._path} was last written {age:.0f} s ago")
        words = re.split(r"[\s,;]+", text.strip())
        try:
            watts = float(words[-1])
        except ValueError as error:
            raise MeterLostError(f"{self._path} does not end in a number of watts") from error
        if not math.isfinite(watts):
            raise MeterLostError(f"{self._path} does not end in a number of watts")
        return watts
