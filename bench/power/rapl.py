"""RAPL: the counter of energy in Intel's and AMD's processors. Documentation/power/powercap/powercap.rst."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.power.meter import MeterLostError, read_number


class RaplMeter:
    """The packages of the processor under ``/sys/class/powercap``, all sockets together."""

    name = "RAPL"
    measures = "the processor package alone, not the board"

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        """Find the packages and read them once.

        Args:
            root: of the file tree that is looked at.
            clock: seconds; tests bring their own.

        Raises:
            MeterLostError: there are none, or only root may read them, as on every kernel since CVE-2020-8694.
        """
        zones = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
        self._zones = [zone for zone in zones if _name(zone).startswith("package")]
        if not self._zones:
            raise MeterLostError("this processor or this kernel has no RAPL")
        self._clock = clock
        try:
            self._ranges = [read_number(zone / "max_energy_range_uj") for zone in self._zones]
            self._energies, self._time = self._read(), clock()
        except MeterLostError as error:
            if isinstance(error.__cause__, PermissionError):
                raise MeterLostError(
                    "RAPL is for root alone since CVE-2020-8694; until the next boot: "
                    "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
                ) from error
            raise

    def read(self) -> float | None:
        """Return the mean watts since the reading before; None for no time at all.

        A counter that starts again at zero is carried on: that takes minutes at full power, and it is read more often.

        Raises:
            MeterLostError: a counter can't be read any more.
        """
        energies, now = self._read(), self._clock()
        seconds = now - self._time
        if seconds <= 0:
            return None
        spent = 0.0
        for before, after, limit in zip(self._energies, energies, self._ranges, strict=True):
            # It counts from 0 to the limit, both included.
            spent += after - before if after >= before else after - before + limit + 1
        self._energies, self._time = energies, now
        return spent / 1e6 / seconds

    def _read(self) -> list[float]:
        return [read_number(zone / "energy_uj") for zone in self._zones]


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""
