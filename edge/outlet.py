"""A sink in a thread of its own: a slow or broken one holds up nobody, and comes back by itself."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from edge.errors import EdgeError
from edge.health import Health, SinkHealth
from edge.sinks import Sink
from edge.types import Result

#: Results that wait for a sink before one has to go.
DEPTH = 32

#: Seconds until a sink that failed is opened again: doubled each time, up to the second value.
BACKOFF = (0.5, 30.0)

#: Seconds that a sink has to take what waits when the run ends.
_PATIENCE = 10.0


class Outlet:
    """Hands results to one sink.

    Attributes:
        name: of the sink, for reports.
        error: what ended an attended run's sink; None while all is well.
        finished: the sink said that nobody wants more.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Sink],
        health: Health,
        *,
        attended: bool = True,
        backoff: tuple[float, float] = BACKOFF,
    ) -> None:
        """Open the sink now, so that a mistake is known before the first frame, and start its thread.

        Args:
            name: of the sink, for reports.
            make: opens it; called again after a failure.
            health: where its state and losses are counted.
            attended: a file is read and somebody waits for the whole of it: the pipeline waits for a slow sink, and
                a broken one ends the run. Otherwise (cameras, streams, loops) what a sink can't take is dropped and
                counted, and a broken one is opened again.
            backoff: first and longest pause between attempts to open it again, seconds.

        Raises:
            EdgeError: it can't be opened.
        """
        self.name = name
        self.error: EdgeError | None = None
        self.finished = False
        self._make = make
        self._health: SinkHealth = health.sink(name)
        self._attended = attended
        self._backoff = backoff
        self._pause: float | None = None  # before the next attempt, while it is in trouble
        self._waiting: queue.Queue[Result | None] = queue.Queue(DEPTH)
        self._closing = threading.Event()
        self._sink: Sink | None = make()
        self._thread = threading.Thread(target=self._work, name=f"sink {name}", daemon=True)
        self._thread.start()

    def put(self, result: Result) -> None:
        """Give a result to the sink; returns at once unless an attended run has to wait for it."""
        if self._pause is not None and not self._waiting.empty():
            # In trouble: one result is enough to see whether it is over, and pictures that wait only hold memory.
            self._health.dropped += 1
            return
        while not self._closing.is_set() and self.error is None and not self.finished:
            try:
                self._waiting.put(result, timeout=0.1 if self._attended else 0)
                return
            except queue.Full:
                if self._attended:
                    continue
            try:
                self._waiting.get_nowait()
            except queue.Empty:
                continue
            self._health.dropped += 1

    def close(self) -> None:
        """Let the sink take what waits, then close it. One that hangs is left behind after ten seconds."""
        self._closing.set()
        deadline = time.monotonic() + _PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            try:
                self._waiting.put(None, timeout=0.1)
                break
            except queue.Full:
                continue
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._sink is not None and not self._thread.is_alive():
            self._sink.close()
            self._sink = None

    def _work(self) -> None:
        while (result := self._waiting.get()) is not None:
            if self._sink is None:  # it was still away when the run ended
                self._health.dropped += 1
                continue
            try:
                more = self._sink.write(result)
            except EdgeError as error:
                self._fail(error)
                if self.error is not None:
                    return
                continue
            self._health.written += 1
            if self._pause is not None:
                self._recovered()
            if not more:
                self.finished = True
                return

    def _fail(self, error: EdgeError) -> None:
        self._health.state = str(error)
        if self._attended:
            self.error = error
            self._closing.set()
            return
        self._health.dropped += 1
        self._open_again()

    def _open_again(self) -> None:
        """Try until the sink is back or the run ends; what comes meanwhile overflows the queue, and is counted.

        A full disk lets a file be opened and not be written, so it is a write that tells whether a sink is back.
        """
        if self._sink is not None:
            try:
                self._sink.close()
            except EdgeError as error:
                self._health.state = str(error)
            self._sink = None
        self._pause = self._backoff[0] if self._pause is None else min(2 * self._pause, self._backoff[1])
        while not self._closing.wait(self._pause):
            try:
                self._sink = self._make()
                return
            except EdgeError as error:
                self._health.state = str(error)
                self._pause = min(2 * self._pause, self._backoff[1])

    def _recovered(self) -> None:
        self._pause = None
        self._health.state = "ok"
        self._health.restarts += 1
