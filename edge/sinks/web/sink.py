"""The live web page as a sink."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.controls import Controls
from edge.errors import EdgeError, NotInstalledError
from edge.events import encode
from edge.health import Health
from edge.labels import LABELS
from edge.layers import DEFAULT_LAYERS, LAYERS
from edge.palette import emotion_color
from edge.types import Result
from edge.version import __version__

if TYPE_CHECKING:
    from edge.sinks.web.message import Message


class WebSink:
    """Serves a page that shows each frame with its readings, and how the run is doing.

    Pictures are encoded while somebody looks at them, once for all browsers, and never stored.

    Attributes:
        url: the page's address.
    """

    def __init__(
        self,
        health: Health,
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        token: str = "",
        fps: float = 15.0,
        controls: Controls | None = None,
    ) -> None:
        """Start serving.

        Args:
            health: what the page shows of the run.
            host: address to serve on; one that other machines can reach needs a token.
            port: 0 takes any free one.
            token: who opens the page has to know it; empty: nobody is asked.
            fps: frames a second that a browser is sent at most.
            controls: lets the page pause the run and step through it.

        Raises:
            EdgeError: the port is taken, the address unknown, or open to others without a token.
            NotInstalledError: aiohttp is missing.
        """
        try:
            import aiohttp.web  # noqa: F401
        except ImportError as error:
            raise NotInstalledError("the web page needs aiohttp: pip install 'emot-edge[web]'") from error
        from edge.sinks.web import access, address, audience, message, routes, server

        token = token.strip()
        listening = address.listen(host, port, open_to_others=bool(token))
        bound = listening[0].getsockname()[1]
        self.url = address.url(host, bound)
        self._health = health
        self._controls = controls
        self._labels = LABELS
        self._period = 1 / fps
        self._due = 0.0
        self._message = message
        self._audience = audience.Audience()
        self._access = access.Access(token, host, bound)
        application = routes.Routes(self._audience, self._access, health, controls, self._greeting).application()
        self._server = server.Server(application, listening, self._tick)

    def write(self, result: Result) -> bool:
        """Show a frame to whoever looks. Returns at once: no browser, however slow, is waited for.

        Raises:
            EdgeError: the server has broken off.
        """
        if not self._server.running:
            raise EdgeError(f"the web page at {self.url} has broken off; it is opened again, or start the run anew")
        demand = self._audience.demand
        if not (demand.frames or demand.events):
            self._audience.latest = None
            return True
        event = encode(result)
        if demand.events:
            self._server.call(lambda: self._audience.report(event))
        if demand.frames and self._is_due():
            if result.readings:
                self._labels = result.readings[0].emotion.labels
            frame = self._message.frame_message(result, event, demand.pictures)
            self._server.call(lambda: self._audience.show(frame))
        return True

    def close(self) -> None:
        """Send the browsers away and stop serving."""
        self._server.close()

    def _is_due(self) -> bool:
        """Say whether the next frame is one that browsers get: no more than ``fps`` a second are."""
        now = time.monotonic()
        if now < self._due:
            return False
        # Counted from when the last one was due, not from when it came: 30 frames a second thin out to 15, not to 10.
        self._due = (self._due if now - self._due < self._period else now) + self._period
        return True

    def _tick(self) -> None:
        if self._audience.browsers:
            self._audience.tell(self._status())

    def _greeting(self) -> list[Message]:
        """Return what a browser has to know first: the layers there are, the colours, and how the run is doing."""
        hello = {
            "version": __version__,
            "layers": {name: {"about": about, "key": key} for name, (about, key) in LAYERS.items()},
            "shown": sorted(DEFAULT_LAYERS),
            "controls": self._controls is not None,
        }
        return [self._message.status_message({"hello": hello}), self._status()]

    def _status(self) -> Message:
        return self._message.status_message(
            {
                "health": self._health.snapshot(),
                "browsers": len(self._audience.browsers),
                "colors": {label: _hex(emotion_color(label, i)) for i, label in enumerate(self._labels)},
            }
        )


def _hex(color: tuple[int, int, int]) -> str:
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"
