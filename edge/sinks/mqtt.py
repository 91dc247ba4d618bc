"""MQTT: every event at QoS 1, a short message for dashboards, health, availability, and Home Assistant's discovery."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from pathlib import Path

import msgspec

from edge.errors import EdgeError
from edge.events import encode
from edge.health import Health
from edge.labels import LABELS
from edge.sinks.backlog import Backlog
from edge.sinks.broker import parse_broker
from edge.sinks.discovery import describe
from edge.sinks.link import LOST, Link, LinkError
from edge.sinks.mood import News, mood
from edge.sinks.topics import name_topics
from edge.types import Reading, Result

#: Name of this sink in :class:`edge.health.Health`.
NAME = "mqtt"

#: Events in flight at most. Brokers commonly allow twenty.
WINDOW = 20

#: First and longest pause between attempts to connect, seconds; doubled each time.
BACKOFF = (1.0, 30.0)

#: Seconds after which a connection counts as a good one.
STEADY = 10.0

#: Seconds between two reports of health.
HEALTH_EVERY = 10.0

#: Seconds that closing may spend on what still waits.
FLUSH = 3.0

_ONLINE, _OFFLINE = b"online", b"offline"


class MqttSink:
    """Publishes results, from a thread of its own that connects, keeps and sends again.

    Topics, below ``<topic>/<id>/``: ``event``, ``state``, ``health`` and ``availability``; docs/mqtt.md describes them.
    A broker that is away is no error: events wait, oldest given up first, and are sent in order once it is back.
    """

    def __init__(
        self,
        health: Health,
        *,
        broker: str,
        topic: str = "edge-run",
        id: str = "",
        user: str = "",
        password: str = "",
        tls: bool = False,
        ca: Path | None = None,
        buffer: int = 10000,
        rate: float = 0.0,
        discovery: str = "homeassistant",
    ) -> None:
        """Start publishing; returns before there is a connection.

        Args:
            health: of the run; published, and told how the connection is.
            broker: ``host``, ``host:port`` or ``[v6]:port``.
            topic: first part of every topic; may have several levels.
            id: this device among those of the same broker and topic; the host name where empty.
            user: account at the broker.
            password: of that account.
            tls: encrypt the connection.
            ca: certificate of the broker's authority (PEM); implies ``tls``.
            buffer: events kept at most until the broker has confirmed them.
            rate: events a second at most, the newest each time; 0: one for each frame.
            discovery: prefix under which Home Assistant looks for devices; empty: don't announce.

        Raises:
            EdgeError: an address, topic or id that can't be, or a certificate that can't be read.
        """
        self._broker = parse_broker(broker, user=user, password=password, tls=tls, ca=ca)
        self._topics = name_topics(topic, id, discovery)
        self._health = health
        self._state = health.sink(NAME)
        self._state.state = f"connecting to {self._broker}"
        self._backlog = Backlog(buffer, WINDOW)
        self._period = 1 / rate if rate else 0.0
        self._held: bytes | None = None
        self._due = 0.0
        self._newest: tuple[Reading, ...] | None = None
        self._labels = LABELS
        self._lock = threading.Lock()
        self._connected = False
        self._news = News()
        self._next_health = 0.0
        self._announced = b""
        self._events: dict[int, int] = {}
        self._closing = threading.Event()
        self._deadline = 0.0
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._work, name=NAME, daemon=True)
        self._thread.start()

    def write(self, result: Result) -> bool:
        """Take one result; never waits for the broker.

        Raises:
            EdgeError: the thread that publishes has ended, which no broker should be able to bring about.
        """
        if not self._thread.is_alive():
            raise EdgeError("--mqtt: publishing has stopped; see the message above, and report it")
        message = encode(result)
        with self._lock:
            self._newest = result.readings
            if result.readings:
                self._labels = result.readings[0].emotion.labels
            self._held = message
        self._release()
        if self._connected:
            self._ring()
        return True

    def close(self) -> None:
        """Send what waits, for three seconds at most, then say ``offline`` and disconnect."""
        self._release(anyway=True)
        self._deadline = time.monotonic() + FLUSH
        self._closing.set()
        self._ring()
        # A name server that doesn't answer can't be interrupted; the process may end without that thread.
        self._thread.join(FLUSH + 5)
        if self._thread.is_alive():
            return
        self._ear.close()
        self._bell.close()
        if lost := len(self._backlog):
            self._state.dropped += lost
            self._state.state = f"closed before {lost} events had arrived at {self._broker}"

    def _release(self, anyway: bool = False) -> None:
        """Move the held event into the backlog once the rate allows it."""
        with self._lock:
            now = time.monotonic()
            if self._held is None or (now < self._due and not anyway):
                return
            message, self._held = self._held, None
            self._due = now + self._period
            if not self._backlog.put(message):
                self._state.dropped += 1

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full: it rings already
            self._bell.send(b"\0")

    def _work(self) -> None:
        """Connect, serve, and try again, until closed."""
        pause, away, reached = BACKOFF[0], time.monotonic(), False
        while True:
            last = self._closing.is_set()
            connected = 0.0
            try:
                link = Link(self._broker, self._topics.device, (self._topics.availability, _OFFLINE))
                connected = time.monotonic()
                self._state.restarts += 1 if reached else 0
                reached = True
                self._state.state = "ok"
                self._serve(link)
                return
            except LinkError as error:
                reason = str(error)
            finally:
                self._connected = False
            if last:
                return
            if connected:
                away = time.monotonic()
                if away - connected > STEADY:
                    pause = BACKOFF[0]
                elif reason == LOST:
                    # The broker knows one device of a name: two of them end each other's connection, again and again.
                    reason += "; does another device use the same --mqtt-id?"
            # All devices of a broker lose it at the same moment, and should not come back at the same moment.
            self._wait(pause * random.uniform(0.8, 1.2), away, reason)
            pause = min(2 * pause, BACKOFF[1])
            if self._is_done():
                return

    def _wait(self, pause: float, away: float, reason: str) -> None:
        """Let a while pass, and say meanwhile for how long the broker has been away."""
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0:
            self._state.state = f"away {time.monotonic() - away:.0f} s: {reason}"
            if self._closing.wait(min(left, 1.0)):
                return

    def _serve(self, link: Link) -> None:
        """Publish over one connection until closed.

        Raises:
            LinkError: it broke; what was in flight is back in the backlog.
        """
        try:
            self._welcome(link)
            self._connected = True
            while not self._is_done():
                link.turn(self._publish(link), self._ear)
                self._listen(link)
            # What a broker retains outlives this run, and nobody's mood should.
            self._say(link, self._topics.state, msgspec.json.encode(mood(None, self._health, NAME)))
            self._say(link, self._topics.availability, _OFFLINE, wait=True)
            link.leave()
        finally:
            self._confirm(link)
            self._backlog.rewind()
            self._events.clear()
            link.drop()

    def _is_done(self) -> bool:
        """Say whether the run has ended, and nothing more can or need be sent."""
        return self._closing.is_set() and (not len(self._backlog) or time.monotonic() > self._deadline)

    def _welcome(self, link: Link) -> None:
        """Say what a broker that may know nothing should know."""
        if self._topics.discovery:
            link.subscribe(self._topics.birth)
        # The will of an earlier connection can come late, after this one's "online".
        link.subscribe(self._topics.availability)
        self._introduce(link)

    def _introduce(self, link: Link) -> None:
        """Publish what this device is, and let its state and health follow at once."""
        self._announced = b""
        self._announce(link)
        self._say(link, self._topics.availability, _ONLINE)
        self._news.forget()
        self._next_health = 0.0

    def _publish(self, link: Link) -> float:
        """Send everything that is due; return the seconds until something may be due again."""
        self._release()
        while (taken := self._backlog.take()) is not None:
            number, message = taken
            self._events[link.publish(self._topics.event, message)] = number
        said = mood(self._newest, self._health, NAME)
        if self._news.is_due(said):
            self._say(link, self._topics.state, msgspec.json.encode(said), qos=0)
        now = time.monotonic()
        if now >= self._next_health:
            self._next_health = now + HEALTH_EVERY
            self._say(link, self._topics.health, msgspec.json.encode(self._health.snapshot()), qos=0)
            self._announce(link)
        # An event that is held waits for its time, everything else may be a little late.
        return max(0.0, min(0.25, self._due - now)) if self._held is not None else 0.25

    def _confirm(self, link: Link) -> None:
        """Let go of the events that the broker has confirmed."""
        while link.confirmed:
            number = self._events.pop(link.confirmed.popleft(), None)
            if number is not None:
                self._backlog.confirm(number)

    def _listen(self, link: Link) -> None:
        """Look at what came in."""
        self._confirm(link)
        while link.received:
            topic, content = link.received.popleft()
            if topic == self._topics.availability:
                if content == _OFFLINE and not self._closing.is_set():
                    self._say(link, self._topics.availability, _ONLINE)
            elif content == _ONLINE:  # Home Assistant has started
                self._introduce(link)

    def _announce(self, link: Link) -> None:
        """Publish the description of this device where it is new or has changed."""
        if not self._topics.discovery:
            return
        described = describe(self._topics, self._labels, self._health)
        content = msgspec.json.encode(described)
        if content != self._announced:
            self._announced = content
            link.publish(self._topics.description, content, retain=True)

    def _say(self, link: Link, topic: str, content: bytes, *, qos: int = 1, wait: bool = False) -> None:
        """Publish a retained message, and wait a moment for its confirmation where that is the last thing to do."""
        number = link.publish(topic, content, qos=qos, retain=True)
        until = time.monotonic() + 1.0
        while wait and number not in link.confirmed and time.monotonic() < until:
            link.turn(0.1)
