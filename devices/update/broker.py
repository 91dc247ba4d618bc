"""The broker's part in updates: what it retains for this device is read, how things stand is left there."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from devices.update.desired import Desired, merged, parse_desired
from devices.update.journal import Standing
from edge.errors import EdgeError
from edge.settings.reading import effective
from edge.sinks.broker import Broker, parse_broker
from edge.sinks.topics import Topics, name_topics

#: Last part of the topics.
DESIRED, REPORT = "desired", "update"

#: In place of a device's id: every device.
ALL = "all"

#: Seconds in which retained messages come after one has asked for them; they follow the broker's yes at once.
_LISTEN = 3.0


@dataclasses.dataclass(frozen=True)
class Meeting:
    """Where a device and those who look after it meet.

    Attributes:
        broker: where, and who asks.
        topics: of this device.
        everyone: topic for all devices.
    """

    broker: Broker
    topics: Topics
    everyone: str

    def exchange(self, standing: Standing, *, listen: bool) -> Desired:
        """Leave word of how things stand; return what is wanted if asked to listen.

        Raises:
            EdgeError: the broker can't be reached, or says what isn't understood.
        """
        # Imported here: a device without a broker needs no paho-mqtt.
        from edge.sinks.link import Link, LinkError

        report = f"{self.topics.base}/{REPORT}", msgspec.json.encode(standing)
        own = f"{self.topics.base}/{DESIRED}"
        heard: dict[str, bytes] = {}
        try:
            # As a last will it says the same once more: nothing is lost with the connection.
            link = Link(self.broker, f"{self.topics.device}-update", report)
            try:
                number = link.publish(*report, retain=True)
                for topic in (own, self.everyone) if listen else ():
                    link.subscribe(topic)
                end = time.monotonic() + _LISTEN
                while time.monotonic() < end and not (number in link.confirmed and (not listen or len(heard) == 2)):
                    link.turn(0.1)
                    while link.received:
                        topic, content = link.received.popleft()
                        heard[topic] = content
                if number not in link.confirmed:
                    raise LinkError("no answer")
            finally:
                link.leave()
        except LinkError as error:
            raise EdgeError(f"broker {self.broker}: {error}") from error
        return merged(*(parse_desired(heard.get(topic, b""), topic) for topic in (own, self.everyone)))


def secrets(path: Path) -> dict[str, str]:
    """Return the variables of ``secrets.env``, so that by hand counts what counts in the service."""
    found = {}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in path.read_text().splitlines():
            name, is_one, value = line.strip().partition("=")
            if is_one and not name.startswith("#"):
                found[name] = value.strip("\"'")
    return found


def meeting(config: Path, environment: Mapping[str, str]) -> Meeting | None:
    """Return where this device's options (``edge-run.toml`` and variables) let it publish; None: nowhere.

    Raises:
        EdgeError: they aren't understood.
    """
    settings = effective({}, environment, config if config.is_file() else None).settings
    if not settings.mqtt:
        return None
    broker = parse_broker(
        settings.mqtt,
        user=settings.mqtt_user,
        password=settings.mqtt_password,
        tls=settings.mqtt_tls,
        ca=settings.mqtt_ca,
    )
    topics = name_topics(settings.mqtt_topic, settings.mqtt_id, "")
    return Meeting(broker, topics, f"{topics.base.rpartition('/')[0]}/{ALL}/{DESIRED}")
