"""Hold a budget: fewer searches, then fewer frames, until latency, heat and power fit; back again with more room."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from edge.metrics import percentile
from edge.types import Result

#: Seconds between two decisions, so that each sees the effect of the one before.
PERIOD = 2.0

#: Whole-picture searches become at most this much rarer than the user set them.
RAREST = 6

#: The input rate gives way in steps of this share, down to the least rate (frames a second).
STEP = 0.8
LEAST_FPS = 2.0

#: There is room again below this share of the budget, and this many degrees below the limit.
ROOM = 0.7
COOLER = 4.0

#: Share of the frames that have to fit, percent: a search now and then is dearer than the rest, that is its nature.
_FITTING = 90


class Governor:
    """Decides which frames are read and how often the whole picture is searched.

    Attributes:
        skipped: frames that were left out on purpose.
        adapted: what had to give way, in words; empty while nothing had to.
    """

    def __init__(
        self,
        set_interval: Callable[[int], None],
        *,
        interval: int = 10,
        rarest: int = RAREST,
        budget_ms: float | None = None,
        max_fps: float | None = None,
        max_temperature: float | None = None,
        temperature: Callable[[], float | None] = lambda: None,
        undervoltage: Callable[[], bool | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with what the user set.

        Args:
            set_interval: tells the detector how often to search.
            interval: frames between searches that the user wants.
            rarest: how many times rarer searches may become; 1: they stay as they are.
            budget_ms: milliseconds a frame may take, from its arrival where that is known; None: any.
            max_fps: frames a second to read at most; None: all.
            max_temperature: degrees Celsius above which less is read, as with a weak supply; None: never.
            temperature: reads the processor's temperature.
            undervoltage: tells whether the power supply is too weak.
            clock: seconds; tests bring their own.
        """
        self.skipped = 0
        self.adapted = ""
        self._set_interval = set_interval
        self._wanted_interval = self._interval = interval
        self._rarest = rarest * interval
        self._budget = budget_ms
        self._max_fps = max_fps
        self._limit: float | None = None  # what budget or heat allow, frames a second
        self._max_temperature = max_temperature
        self._temperature = temperature
        self._undervoltage = undervoltage
        self._clock = clock
        self._due = 0.0
        self._decided = clock()
        self._taken: deque[float] = deque(maxlen=4096)
        self._seen = 0

    @property
    def rate(self) -> float | None:
        """Frames a second that are read at most; None: all."""
        limits = [limit for limit in (self._max_fps, self._limit) if limit is not None]
        return min(limits, default=None)

    def delay(self) -> float:
        """Return the seconds until the next frame may be read; 0: now. Reading one at 0 is counted."""
        rate = self.rate
        if rate is None:
            return 0.0
        now = self._clock()
        period = 1 / rate
        # A tenth of a period of grace: a camera's frames don't come to the millisecond.
        if now < self._due - period / 10:
            return self._due - now
        # Behind by more than a frame: start from now instead of rushing after what is lost.
        self._due = max(self._due + period, now)
        return 0.0

    def saw(self, result: Result) -> bool:
        """Take one result into account; returns whether something was changed just now."""
        if self._budget is None and self._max_temperature is None:
            return False
        self._taken.append(result.timings_ms.get("latency", result.timings_ms.get("total", 0.0)))
        self._seen += 1
        now = self._clock()
        if now - self._decided < PERIOD or len(self._taken) < 5:
            return False
        taken = percentile(list(self._taken), _FITTING)
        frames = self._seen / (now - self._decided)
        self._taken.clear()
        self._seen, self._decided = 0, now
        before = (self._interval, self._limit)
        heat = self._temperature() if self._max_temperature is not None else None
        hot = heat is not None and self._max_temperature is not None and heat > self._max_temperature
        # Less work draws less current: better slow than switched off, or slowed down by the firmware.
        weak = self._max_temperature is not None and bool(self._undervoltage())
        late = self._budget is not None and taken > self._budget
        cool = heat is None or self._max_temperature is None or heat < self._max_temperature - COOLER
        quick = self._budget is None or taken < ROOM * self._budget
        if hot or weak or late:
            self._give_way(frames)
            why = f"{taken:.0f} ms of {self._budget:g}" if late else "the power supply is too weak"
            if hot:
                why = f"{heat:.0f} °C of {self._max_temperature:.0f}"
            self.adapted = self._words(why)
        elif cool and quick and (self._limit is not None or self._interval != self._wanted_interval):
            self._recover(frames)
            self.adapted = self._words("recovering")
        return before != (self._interval, self._limit)

    def _give_way(self, frames: float) -> None:
        """Search more rarely; when that is used up, read fewer frames."""
        if self._interval < self._rarest:
            self._interval = min(2 * self._interval, self._rarest)
            self._set_interval(self._interval)
        else:
            self._limit = max(LEAST_FPS, STEP * min(self._limit or frames, frames))

    def _recover(self, frames: float) -> None:
        """The same way back: first the frames, then the searches."""
        if self._limit is not None:
            # A limit that no frame meets any more has done its work.
            self._limit = None if frames < 0.8 * self._limit else self._limit / STEP
            if self._limit is not None and self._limit > 240:
                self._limit = None
        else:
            self._interval = max(self._wanted_interval, self._interval // 2)
            self._set_interval(self._interval)

    def _words(self, why: str) -> str:
        parts = []
        if self._interval != self._wanted_interval:
            parts.append(f"search every {self._interval} frames instead of {self._wanted_interval}")
        if self._limit is not None:
            parts.append(f"at most {self._limit:.1f} frames a second")
        return f"{', '.join(parts)} ({why})" if parts else ""
