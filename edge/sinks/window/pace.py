"""Files in a window play no faster than they were filmed."""

from __future__ import annotations

import threading
import time

#: Pictures without a frame rate follow each other at most this far apart, seconds.
_LONGEST = 2.0


class Pace:
    """Holds back whoever hands over frames too early."""

    def __init__(self, fps: float | None, live: bool) -> None:
        """Prepare.

        Args:
            fps: frames a second as filmed; None: the frames' own times count.
            live: the source has a pace of its own, and nothing is held back.
        """
        self._fps = fps
        self._live = live
        self._due = 0.0
        self._time: float | None = None

    def wait(self, time_of_frame: float, stop: threading.Event) -> None:
        """Return when the frame is due, or ``stop`` is set; ``time_of_frame`` in seconds of the source."""
        before, self._time = self._time, time_of_frame
        now = time.perf_counter()
        if before is None:
            self._due = now
        if self._live or before is None:
            return
        period = 1 / self._fps if self._fps else min(max(0.0, time_of_frame - before), _LONGEST)
        # A frame that came late (a pause, a slow network) is not made up for by hurrying the following ones.
        self._due = max(self._due + period, now - period)
        stop.wait(max(0.0, self._due - now))
