"""A meter read in a thread, so that the power of any stretch of time can be told afterwards."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from bench.power.meter import Meter, MeterLostError

#: Seconds between two readings. INA219's driver averages over less; batteries are told anew every few seconds.
EVERY = 0.25


class PowerLog:
    """What a meter tells while it is watched.

    Attributes:
        lost: why it can't be read any more; None while it can.
    """

    def __init__(self, meter: Meter, every: float = EVERY) -> None:
        """Take a meter; the block starts reading it."""
        self.meter = meter
        self.lost: str | None = None
        self._every = every
        self._readings: list[tuple[float, float, float]] = []  # begin, end, watts
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="power", daemon=True)

    def __enter__(self) -> PowerLog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def mean(self, begin: float, end: float) -> float | None:
        """Return the mean watts between two moments of ``time.monotonic()``.

        Returns:
            None where less than half of that time was read: the meter came later or was lost.
        """
        energy = seconds = 0.0
        with self._lock:
            readings = list(self._readings)
        for first, last, watts in reversed(readings):
            if last <= begin:
                break
            common = min(last, end) - max(first, begin)
            if common > 0:
                energy += common * watts
                seconds += common
        return energy / seconds if seconds > 0.5 * (end - begin) else None

    def _work(self) -> None:
        before = time.monotonic()
        while not self._closing.wait(self._every):
            try:
                watts = self.meter.read()
            except MeterLostError as error:
                self.lost = str(error)
                return
            now = time.monotonic()
            if watts is not None:
                with self._lock:
                    self._readings.append((before, now, watts))
            before = now
