"""Messages on their way to a broker: in order, bounded, and kept until the broker has confirmed them."""

from __future__ import annotations

import threading
from collections import deque


class Backlog:
    """A queue whose head may be in flight. Every method may be called from any thread.

    A message that was sent but not confirmed when the connection broke goes back to its place and is sent again: it may
    arrive twice, but is never missing, and first arrivals keep their order (MQTT 3.1.1, 4.3.2 and 4.6).
    """

    def __init__(self, limit: int, window: int) -> None:
        """Begin empty.

        Args:
            limit: messages kept at most, those in flight included.
            window: messages in flight at most.
        """
        self._limit = limit
        self._window = window
        self._waiting: deque[bytes] = deque()
        self._flying: dict[int, bytes] = {}
        self._number = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Messages not confirmed yet, in flight or not."""
        with self._lock:
            return len(self._waiting) + len(self._flying)

    def put(self, message: bytes) -> bool:
        """Append a message; False where the oldest one was given up for it."""
        with self._lock:
            full = len(self._waiting) + len(self._flying) >= self._limit
            if full and self._waiting:
                self._waiting.popleft()
            elif full:
                del self._flying[next(iter(self._flying))]
            self._waiting.append(message)
            return not full

    def take(self) -> tuple[int, bytes] | None:
        """Return number and content of the next message to send; None where none waits or the window is full."""
        with self._lock:
            if not self._waiting or len(self._flying) >= self._window:
                return None
            self._number += 1
            message = self._waiting.popleft()
            self._flying[self._number] = message
            return self._number, message

    def confirm(self, number: int) -> None:
        """Forget a message that arrived."""
        with self._lock:
            self._flying.pop(number, None)

    def rewind(self) -> None:
        """Put what is in flight back at the head: the connection broke."""
        with self._lock:
            self._waiting.extendleft(reversed(self._flying.values()))
            self._flying.clear()
