"""One connection to an MQTT broker. paho-mqtt packs and unpacks; waiting, retrying and keeping are done elsewhere."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from typing import Any

from edge.errors import NotInstalledError
from edge.sinks.broker import Broker

try:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion
except ImportError as _missing:  # also of versions before 2, which have no such interface
    raise NotInstalledError(
        "--mqtt needs paho-mqtt 2, which is not installed: pip install 'emot-edge[mqtt]'"
    ) from _missing

#: Seconds of silence after which the broker is asked for a sign of life, and again until it counts as gone. The broker
#: waits for one and a half times this before it publishes the last will.
KEEPALIVE = 15

#: Seconds that a connection may take to be made, and once more to be accepted.
PATIENCE = 5.0

#: Why most connections end.
LOST = "connection lost"


class LinkError(Exception):
    """There is no connection; the message says why in a few words."""


class Link:
    """One connection, used by one thread, until it breaks.

    Attributes:
        confirmed: numbers of the messages that the broker has confirmed, to be taken out by the owner.
        received: topic and content of messages that came in, to be taken out by the owner.
    """

    def __init__(self, broker: Broker, name: str, will: tuple[str, bytes]) -> None:
        """Connect, and wait until the broker says yes.

        Args:
            broker: where, and who asks.
            name: of this client; a second one of the same name makes the broker end the first one's connection.
            will: topic and content of the retained message that the broker publishes once this client is gone.

        Raises:
            LinkError: it can't be reached or it refused.
        """
        self.confirmed: deque[int] = deque()
        self.received: deque[tuple[str, bytes]] = deque()
        self._accepted = False
        self._broken = ""
        # A client of its own for each connection: nothing of a broken one, half-read packets or old queues, stays.
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, reconnect_on_failure=False)
        self._client.connect_timeout = PATIENCE
        self._client.max_inflight_messages_set(0)  # the backlog has a window, and paho's own queue must stay empty
        self._client.will_set(will[0], will[1], qos=1, retain=True)
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password or None)
        if broker.tls is not None:
            self._client.tls_set_context(broker.tls)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        try:
            self._open(broker)
        except LinkError:
            self.drop()
            raise

    def publish(self, topic: str, content: bytes, *, qos: int = 1, retain: bool = False) -> int:
        """Send a message and return its number, under which it is confirmed (QoS 1).

        Raises:
            LinkError: the connection is gone.
        """
        number = self._client.publish(topic, content, qos, retain).mid
        self._check()
        return int(number)

    def subscribe(self, topic: str) -> None:
        """Ask for messages of a topic."""
        self._client.subscribe(topic, 0)
        self._check()

    def turn(self, wait: float, wake: socket.socket | None = None) -> None:
        """Read and write what is due, after at most ``wait`` seconds, or as soon as ``wake`` has something to read.

        Raises:
            LinkError: the connection is gone.
        """
        connection: Any = self._client.socket()
        if connection is None:
            self._check()
            raise LinkError(LOST)
        # Decrypted bytes wait inside the TLS layer, where select can't see them.
        decrypted = bool(getattr(connection, "pending", lambda: 0)())
        readers = [connection] if wake is None else [connection, wake]
        writers = [connection] if self._client.want_write() else []
        readable, writable, _ = select.select(readers, writers, [], 0 if decrypted else max(0.0, wait))
        if wake is not None and wake in readable:
            wake.recv(4096)
        if decrypted or connection in readable:
            self._client.loop_read()
        if connection in writable:
            self._client.loop_write()
        self._client.loop_misc()
        self._check()

    def leave(self) -> None:
        """Say goodbye, so that the broker doesn't publish the last will."""
        self._client.disconnect()
        self.drop()

    def drop(self) -> None:
        """Close the connection as it is."""
        connection: Any = self._client.socket()
        if connection is not None:
            connection.close()
        # They lead back here: without them, everything is freed at once and not when the collector comes by.
        self._client.on_connect = self._client.on_disconnect = None
        self._client.on_publish = self._client.on_message = None

    def _open(self, broker: Broker) -> None:
        try:
            self._client.connect(broker.host, broker.port, KEEPALIVE)
        except (OSError, ValueError) as error:  # ValueError: names that the resolver can't encode
            raise LinkError(_words(error)) from error
        deadline = time.monotonic() + PATIENCE
        while not self._accepted:
            if time.monotonic() > deadline:
                raise LinkError("no answer")
            self.turn(0.2)

    def _check(self) -> None:
        if self._broken:
            raise LinkError(self._broken)

    def _on_connect(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any) -> None:
        if not code.is_failure:
            self._accepted = True
        elif str(code) in ("Not authorized", "Bad user name or password"):
            self._broken = "refused, not authorised; check --mqtt-user and --mqtt-password"
        else:
            self._broken = f"refused, {str(code).lower()}"

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any) -> None:
        silent = "Keep alive" in str(code)
        self._broken = self._broken or ("the broker fell silent" if silent else LOST)

    def _on_publish(self, client: Any, userdata: Any, number: int, code: Any, properties: Any) -> None:
        self.confirmed.append(number)

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        self.received.append((message.topic, message.payload))


def _words(error: Exception) -> str:
    """Return what went wrong in a few words."""
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused, {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed, {(error.reason or 'no reason given').lower().replace('_', ' ')}"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
