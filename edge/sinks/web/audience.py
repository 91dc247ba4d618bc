"""Everybody who looks: browsers, scripts that read events, and those who wait for one picture."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

import msgspec
from aiohttp import web

from edge.sinks.web.message import Message

#: Messages under way to a browser that it hasn't confirmed yet: one on the road while the other is drawn.
_UNDER_WAY = 2

#: Events that wait for a script; then the oldest goes.
_EVENTS = 64


class Demand(NamedTuple):
    """What somebody wants at this moment; read by the thread that writes results."""

    frames: bool = False
    pictures: bool = False
    events: bool = False


class Wish(msgspec.Struct):
    """What a browser says: whether it wants pictures, and how many messages it is done with."""

    picture: bool | None = None
    got: int = 0


class Browser:
    """One open page. What it can't take in time is replaced by what is newer, so nothing piles up for it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        #: Whether it wants pictures; None until it has said so, and nothing but statuses is sent until then.
        self.picture: bool | None = None
        self._socket = socket
        self._frame: Message | None = None
        self._status: Message | None = None
        self._under_way = 0
        self._wake = asyncio.Event()

    def offer(self, frame: Message) -> None:
        """Send a frame as soon as this browser can take it, unless a newer one comes first."""
        self._frame = frame
        self._wake.set()

    def tell(self, status: Message) -> None:
        """Send a status; these are small and need no confirmation."""
        self._status = status
        self._wake.set()

    def hear(self, wish: Wish) -> None:
        """Take in what the browser said."""
        if wish.picture is not None:
            self.picture = wish.picture
        self._under_way = max(0, self._under_way - max(0, wish.got))
        self._wake.set()

    async def serve(self) -> None:
        """Send until cancelled or until the connection is gone."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            status, self._status = self._status, None
            if status:
                await self._socket.send_bytes(status.packed(False))
            if self._frame and self.picture is not None and self._under_way < _UNDER_WAY:
                frame, self._frame = self._frame, None
                self._under_way += 1
                await self._socket.send_bytes(frame.packed(bool(self.picture)))

    async def dismiss(self) -> None:
        """Say good-bye."""
        await self._socket.close(code=1001, message=b"the run has ended")


class Listener:
    """A script that reads events: each of them, unless it is too slow."""

    def __init__(self) -> None:
        self._events: deque[bytes] = deque(maxlen=_EVENTS)
        self._wake = asyncio.Event()

    def offer(self, event: bytes) -> None:
        """Append an event."""
        self._events.append(event)
        self._wake.set()

    async def taken(self, wait: float) -> list[bytes]:
        """Return the events that came, after at most ``wait`` seconds."""
        try:
            await asyncio.wait_for(self._wake.wait(), wait)
        except TimeoutError:
            return []
        self._wake.clear()
        events = list(self._events)
        self._events.clear()
        return events


class Audience:
    """All of them. Used by the server's thread alone, apart from :attr:`demand` and :attr:`latest`."""

    def __init__(self, most: int = 32) -> None:
        """Start empty; ``most`` browsers and scripts are let in at once."""
        self.demand = Demand()
        #: The newest frame as it was sent; None once a later one passed that nobody looked at.
        self.latest: Message | None = None
        self.closing = False
        self.browsers: set[Browser] = set()
        self._listeners: set[Listener] = set()
        self._snapshots: set[asyncio.Future[bytes]] = set()
        self._most = most

    @property
    def full(self) -> bool:
        """Whether nobody else is let in."""
        return self.closing or len(self.browsers) + len(self._listeners) + len(self._snapshots) >= self._most

    def join(self, member: Browser | Listener) -> None:
        """Let somebody in."""
        if isinstance(member, Browser):
            self.browsers.add(member)
        else:
            self._listeners.add(member)
        self.ask()

    def leave(self, member: Browser | Listener) -> None:
        """Forget somebody."""
        if isinstance(member, Browser):
            self.browsers.discard(member)
        else:
            self._listeners.discard(member)
        self.ask()

    def ask(self) -> None:
        """Find out anew what is wanted."""
        pictures = bool(self._snapshots) or any(browser.picture for browser in self.browsers)
        self.demand = Demand(bool(self.browsers or self._snapshots), pictures, bool(self._listeners))

    def show(self, frame: Message) -> None:
        """Give a frame to every browser, and to who waits for one picture."""
        self.latest = frame
        for browser in self.browsers:
            browser.offer(frame)
        if frame.jpeg:
            for waiting in self._snapshots:
                if not waiting.done():
                    waiting.set_result(frame.jpeg)

    def tell(self, status: Message) -> None:
        """Give a status to every browser."""
        for browser in self.browsers:
            browser.tell(status)

    def report(self, event: bytes) -> None:
        """Give an event to every script."""
        for listener in self._listeners:
            listener.offer(event)

    async def snapshot(self, wait: float) -> bytes | None:
        """Return the next picture as JPEG; the last one where none comes for ``wait`` seconds, or None."""
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._snapshots.add(waiting)
        self.ask()
        try:
            return await asyncio.wait_for(waiting, wait)
        except TimeoutError:
            return self.latest.jpeg if self.latest and self.latest.jpeg else None
        finally:
            self._snapshots.discard(waiting)
            self.ask()

    async def dismiss(self) -> None:
        """Send everybody away; a browser that doesn't answer is not waited for."""
        self.closing = True
        await asyncio.gather(
            *(asyncio.wait_for(browser.dismiss(), 0.5) for browser in list(self.browsers)), return_exceptions=True
        )
