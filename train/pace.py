"""How fast a run goes, and how long it will take at that."""

from __future__ import annotations

import time
from collections import deque


class Pace:
    """Time and throughput of an epoch and of the run. Times in seconds, throughput in images a second."""

    def __init__(self) -> None:
        self.before = 0.0  # spent on this epoch before the run was interrupted in its middle
        self._recent: deque[tuple[float, int]] = deque(maxlen=50)
        self._began = self._started = time.monotonic()
        self._images = 0
        self._training = 0.0
        self._steps = 0

    def start_epoch(self) -> None:
        """Begin to count an epoch; also where one goes on."""
        self._started = time.monotonic()
        self._recent.clear()
        self._recent.append((self._started, 0))
        self._images = 0

    def step(self, images: int) -> None:
        """Count one step over ``images`` images."""
        now = time.monotonic()
        self._images += images
        self._steps += 1
        self._training = now - self._started
        self._recent.append((now, self._images))

    @property
    def seconds(self) -> float:
        """Since the epoch began, validation included, breaks between processes left out."""
        return self.before + time.monotonic() - self._started

    @property
    def throughput(self) -> float:
        """Training images a second in this epoch, validation left out."""
        return self._images / self._training if self._training else 0.0

    @property
    def now(self) -> float:
        """Training images a second over the last steps."""
        (first, before), (last, after) = self._recent[0], self._recent[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def left_of_epoch(self, images: int) -> float:
        """Seconds for so many more images, without validation."""
        return images / self.now if self.now else 0.0

    def left_of_run(self, steps: int) -> float:
        """Seconds for so many more steps, with the validation that went with steps so far."""
        return (time.monotonic() - self._began) / self._steps * steps if self._steps else 0.0
