"""A sink in a thread of its own: a slow or broken one holds up nobody, and comes back by itself."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Literal

from edge.errors import EdgeError
from edge.health import Health, SinkHealth
from edge.sinks import Sink
from edge.types import Result

#: Results that wait for a sink before one has to go.
DEPTH = 32

#: Seconds until a sink that failed is opened again: doubled each time, up to the second value.
BACKOFF = (0.5, 30.0)

#: What a sink gets: ``every`` result, or only the ``newest`` (somebody looks at it, and old pictures are of no use).
Wants = Literal["every", "newest"]


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
        wants: Wants = "every",
        attended: bool = True,
        backoff: tuple[float, float] = BACKOFF,
    ) -> None:
        """Open the sink now, so that a mistake is known before the first frame, and start its thread.

        Args:
            name: of the sink, for reports.
            make: opens it; called again after a failure.
            health: where its state and losses are counted.
            wants: ``every`` result or the ``newest``.
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
        self._wants = wants
        self._attended = attended
        self._backoff = backoff
        self._waiting: queue.Queue[Result] = queue.Queue(1 if wants == "newest" else DEPTH)
        self._closing = threading.Event()
        self._sink: Sink | None = make()
        self._thread = threading.Thread(target=self._work, name=f"sink {name}", daemon=True)
        self._thread.start()

    def put(self, result: Result) -> None:
        """Give a result to the sink; returns at once unless an attended run has to wait for it."""
        while not self._closing.is_set() and self.error is None and not self.finished:
            try:
                self._waiting.put(result, timeout=0.1 if self._must_wait else 0)
                return
            except queue.Full:
                if self._must_wait:
                    continue
            try:
                self._waiting.get_nowait()
            except queue.Empty:
                continue
            if self._wants == "every":
                self._health.dropped += 1

    def close(self) -> None:
        """Let the sink take what waits, then close it."""
        self._closing.set()
        # The thread looks at the flag whenever nothing waits, so a full queue needs no mark of its end.
        self._thread.join()
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    @property
    def _must_wait(self) -> bool:
        return self._attended and self._wants == "every"

    def _work(self) -> None:
        while True:
            try:
                result = self._waiting.get(timeout=0.05)
            except queue.Empty:
                if self._closing.is_set():
                    return
                continue
            if self._sink is None:
                continue
            try:
                more = self._sink.write(result)
            except EdgeError as error:
                self._fail(error)
                continue
            self._health.written += 1
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
        """Try until the sink is back or the run ends; what comes meanwhile overflows the queue, and is counted."""
        if self._sink is not None:
            try:
                self._sink.close()
            except EdgeError as error:
                self._health.state = str(error)
            self._sink = None
        pause = self._backoff[0]
        while not self._closing.wait(pause):
            try:
                self._sink = self._make()
            except EdgeError as error:
                self._health.state = str(error)
                pause = min(2 * pause, self._backoff[1])
                continue
            self._health.state = "ok"
            self._health.restarts += 1
            return
