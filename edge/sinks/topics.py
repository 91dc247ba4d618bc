"""Where on a broker this device speaks."""

from __future__ import annotations

import dataclasses
import re
import socket

from edge.errors import EdgeError


@dataclasses.dataclass(frozen=True)
class Topics:
    """Names of all topics.

    Attributes:
        base: where this device's own topics begin: ``edge-run/kitchen``.
        id: the last part of that: what people call this device.
        discovery: prefix under which Home Assistant looks for devices; empty: nobody looks.
    """

    base: str
    id: str
    discovery: str = ""

    @property
    def device(self) -> str:
        """A name that no other device of the broker has, of letters, digits, ``-`` and ``_``."""
        return _word(self.base)

    @property
    def event(self) -> str:
        """One object a frame."""
        return f"{self.base}/event"

    @property
    def state(self) -> str:
        """The short message for dashboards."""
        return f"{self.base}/state"

    @property
    def health(self) -> str:
        """Counters and rates."""
        return f"{self.base}/health"

    @property
    def availability(self) -> str:
        """Whether this device is there."""
        return f"{self.base}/availability"

    @property
    def description(self) -> str:
        """What Home Assistant reads of this device."""
        return f"{self.discovery}/device/{self.device}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery}/status"


def name_topics(topic: str, id: str, discovery: str) -> Topics:
    """Return the topics of a device.

    Args:
        topic: first part, of one level or more.
        id: of the device; the host name where empty.
        discovery: Home Assistant's prefix; empty: none.

    Raises:
        EdgeError: one of them has characters that topics don't allow.
    """
    if id and not re.fullmatch("[A-Za-z0-9_-]+", id):
        raise EdgeError(f"--mqtt-id {id!r}: use letters, digits, - and _")
    id = id or _word(socket.gethostname()) or "device"
    prefix = _levels(discovery, "--mqtt-discovery") if discovery else ""
    return Topics(f"{_levels(topic, '--mqtt-topic')}/{id}", id, prefix)


def _levels(text: str, option: str) -> str:
    topic = text.strip("/")
    if not topic or re.search(r"[+#\x00-\x1f]", topic) or topic.startswith("$") or len(topic) > 200:
        raise EdgeError(f"{option} {text!r}: no topic; use words separated by /, without + and #, and no $ in front")
    return topic


def _word(text: str) -> str:
    return re.sub("[^A-Za-z0-9_-]+", "-", text).strip("-")
