"""The HTTP server: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from aiohttp import web

#: What aiohttp would print about visitors (a port scan, a browser that left) is of no use on the terminal.
_LOG = logging.getLogger("edge.web")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class Server:
    """Serves one application on sockets that listen already."""

    def __init__(self, application: web.Application, listening: Sequence[socket.socket], tick: Callable[[], None]):
        """Start, and return once requests are answered.

        Args:
            application: what is served.
            listening: closed when the server is.
            tick: called once a second in the server's thread.
        """
        self._application = application
        self._listening = listening
        self._tick = tick
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, args=(started,), name="web server", daemon=True)
        self._thread.start()
        started.result()

    @property
    def running(self) -> bool:
        """Whether requests are answered."""
        return self._thread.is_alive()

    def call(self, function: Callable[[], None]) -> None:
        """Run a function in the server's thread, soon; once it has ended, never."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            return  # the loop was closed meanwhile

    def close(self) -> None:
        """Send everybody away and end the thread."""
        self.call(self._end.set)
        self._thread.join()

    def _work(self, started: Future[None]) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _serve(self, started: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        runner = web.AppRunner(
            self._application, handle_signals=False, access_log=None, logger=_LOG, shutdown_timeout=0.5
        )
        await runner.setup()
        try:
            for listener in self._listening:
                await web.SockSite(runner, listener).start()
            started.set_result(None)
            while not self._end.is_set():
                self._tick()
                try:
                    await asyncio.wait_for(self._end.wait(), 1.0)
                except TimeoutError:
                    continue
        finally:
            await runner.cleanup()
