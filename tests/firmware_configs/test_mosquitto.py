"""A real Mosquitto with the shipped configuration: who gets in, who may say and hear what."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.health import Health
from edge.sinks.mqtt import MqttSink
from edge.types import Frame, Result
from tests.edge.mosquitto import free_port, program, until
from tests.firmware_configs.certificates import make_certificates

FOLDER = Path(__file__).parents[2] / "firmware_configs" / "mosquitto"
CONFIG, ACL = FOLDER / "mosquitto.conf", FOLDER / "acl"
ACCOUNTS = ("kitchen", "door", "homeassistant", "operator")


@dataclasses.dataclass(frozen=True)
class Broker:
    port: int
    ca: Path
    log: Path


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The shipped files, with nothing changed but where they are and which port is free."""
    folder = tmp_path_factory.mktemp("broker")
    certificates = folder / "certificates"
    assert make_certificates(certificates, "localhost", "127.0.0.1").returncode == 0
    shutil.copy(ACL, folder / "acl")
    users = folder / "users"
    users.write_text("".join(f"{name}:secret-{name}\n" for name in ACCOUNTS))
    subprocess.run([program("mosquitto_passwd"), "-U", users], check=True, capture_output=True)
    assert "secret" not in users.read_text()
    port = free_port()
    text = CONFIG.read_text()
    for there, here in (
        ("/etc/mosquitto/", f"{folder}/"),
        ("/var/lib/mosquitto/", f"{folder}/"),
        ("listener 8883", f"listener {port} 127.0.0.1"),
    ):
        assert there in text
        text = text.replace(there, here)
    if os.geteuid() == 0:
        text += "user root\n"  # the test's folder is root's own
    (folder / "mosquitto.conf").write_text(text)
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen([program("mosquitto"), "-c", folder / "mosquitto.conf"], stderr=output)
    until(lambda: answers(port) or process.poll() is not None)
    assert process.poll() is None, log.read_text()
    yield Broker(port, certificates / "ca.pem", log)
    process.terminate()
    assert process.wait(10) == 0
    assert (folder / "mosquitto.db").exists()  # persistence is on: a clean end writes


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Client:
    """Somebody with an account."""

    def __init__(self, broker: Broker, account: str, password: str | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.reason = ""
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, f"{account}-{time.monotonic_ns()}", reconnect_on_failure=False
        )
        self._client.tls_set(str(broker.ca))
        if account:
            self._client.username_pw_set(account, password or f"secret-{account}")
        self._client.on_connect = lambda _, __, ___, reason, ____: setattr(self, "reason", str(reason))
        self._client.on_message = lambda _, __, message: self.heard.append((message.topic, message.payload))
        self._subscribed = False
        self._client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self._client.connect("localhost", broker.port)
        self._client.loop_start()

    def listen(self, *topics: str) -> None:
        self._subscribed = False
        self._client.subscribe([(topic, 1) for topic in topics])
        until(lambda: self._subscribed)

    def say(self, topic: str, content: str) -> None:
        self._client.publish(topic, content, 1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def clients(broker: Broker) -> Iterator[dict[str, Client]]:
    opened = {name: Client(broker, name) for name in ACCOUNTS}
    until(lambda: all(client.reason for client in opened.values()))
    assert {client.reason for client in opened.values()} == {"Success"}
    yield opened
    for client in opened.values():
        client.close()


MAY_SAY = [
    ("kitchen", "edge-run/kitchen/event", True),
    ("kitchen", "edge-run/kitchen/state", True),
    ("kitchen", "edge-run/kitchen/health", True),
    ("kitchen", "edge-run/kitchen/availability", True),
    ("kitchen", "edge-run/kitchen/update", True),
    ("kitchen", "homeassistant/device/edge-run-kitchen/config", True),
    ("kitchen", "edge-run/door/state", False),
    ("kitchen", "edge-run/kitchen/desired", False),
    ("kitchen", "edge-run/all/desired", False),
    ("kitchen", "homeassistant/device/edge-run-door/config", False),
    ("kitchen", "homeassistant/status", False),
    ("kitchen", "somewhere/else", False),
    ("homeassistant", "homeassistant/status", True),
    ("homeassistant", "edge-run/kitchen/desired", False),
    ("homeassistant", "edge-run/kitchen/state", False),
    ("operator", "edge-run/kitchen/desired", True),
    ("operator", "edge-run/all/desired", True),
    ("operator", "edge-run/kitchen/state", True),
    ("operator", "homeassistant/device/edge-run-kitchen/config", True),
    ("operator", "homeassistant/status", False),
]


def test_who_may_say_what(clients: dict[str, Client]) -> None:
    """Two accounts hear everything between them; what they hear is what the broker let pass."""
    clients["operator"].listen("edge-run/#")
    clients["homeassistant"].listen("homeassistant/#")
    for number, (account, topic, _) in enumerate(MAY_SAY):
        clients[account].say(topic, f"{number}")
    for topic in ("edge-run/kitchen/desired", "homeassistant/device/edge-run-kitchen/config"):
        clients["operator"].say(topic, "end")  # one connection's messages stay in order, and the others are confirmed
    heard: set[tuple[str, bytes]] = set()

    def ends() -> int:
        heard.update(clients["operator"].heard + clients["homeassistant"].heard)
        return sum(content == b"end" for _, content in heard)

    until(lambda: ends() == 2)
    allowed = {(topic, f"{number}".encode()) for number, (_, topic, may) in enumerate(MAY_SAY) if may}
    assert {said for said in heard if said[1] != b"end"} == allowed


MAY_HEAR = [
    ("kitchen", "edge-run/kitchen/desired", True),
    ("kitchen", "edge-run/all/desired", True),
    ("kitchen", "edge-run/kitchen/availability", True),
    ("kitchen", "homeassistant/status", True),
    ("kitchen", "edge-run/door/desired", False),
    ("kitchen", "edge-run/door/state", False),
    ("homeassistant", "edge-run/door/state", True),
    ("operator", "edge-run/door/state", True),
]


def test_who_may_hear_what(clients: dict[str, Client]) -> None:
    for account in ("kitchen", "homeassistant", "operator"):
        clients[account].listen("#")
    for topic in dict.fromkeys(topic for _, topic, _ in MAY_HEAR if topic.startswith("edge-run/")):
        clients["operator"].say(topic, "content")
    clients["homeassistant"].say("homeassistant/status", "online")
    clients["operator"].say("edge-run/all/desired", "end")
    for account in ("kitchen", "homeassistant", "operator"):
        client = clients[account]
        until(lambda client=client: any(content == b"end" for _, content in client.heard))  # type: ignore[misc]
    for account, topic, may in MAY_HEAR:
        assert (topic in {heard for heard, _ in clients[account].heard}) == may, (account, topic)


def test_who_does_not_get_in(broker: Broker) -> None:
    strangers = {
        name: Client(broker, name, password) for name, password in (("kitchen", "guessed"), ("thief", None), ("", None))
    }
    until(lambda: all(client.reason for client in strangers.values()))
    for account, client in strangers.items():
        client.close()
        assert "authori" in client.reason.lower(), (account, client.reason)


def test_without_tls_nobody_gets_in(broker: Broker) -> None:
    plain = paho.Client(CallbackAPIVersion.VERSION2, "plain", reconnect_on_failure=False)
    plain.username_pw_set("kitchen", "secret-kitchen")
    # MQTT's first packet is no TLS: the broker hangs up, and no answer ever comes.
    reasons: list[object] = []
    plain.on_connect = lambda _, __, ___, reason, ____: reasons.append(reason)
    gone: list[object] = []
    plain.on_disconnect = lambda *_: gone.append(True)
    plain.connect("localhost", broker.port)
    plain.loop_start()
    until(lambda: gone)
    plain.loop_stop()
    assert not reasons


def test_what_is_too_long_is_not_taken(clients: dict[str, Client]) -> None:
    clients["operator"].listen("edge-run/kitchen/#")
    clients["kitchen"].say("edge-run/kitchen/event", "x" * 60000)
    until(lambda: clients["operator"].heard)
    clients["kitchen"]._client.publish("edge-run/kitchen/event", "x" * 70000, 0)
    until(lambda: not clients["kitchen"]._client.is_connected())
    assert [len(content) for _, content in clients["operator"].heard] == [60000]


def test_edge_run_connects(broker: Broker, clients: dict[str, Client]) -> None:
    clients["homeassistant"].listen("edge-run/#", "homeassistant/#")
    health = Health()
    sink = MqttSink(
        health,
        broker=f"localhost:{broker.port}",
        id="kitchen",
        user="kitchen",
        password="secret-kitchen",
        ca=broker.ca,
    )
    sink.write(Result(Frame(np.zeros((2, 2, 3), np.uint8), 0.0, 7), "demo", (), {"total": 1.0}))
    ours = {f"edge-run/kitchen/{name}" for name in ("event", "state", "health", "availability")}
    ours.add("homeassistant/device/edge-run-kitchen/config")
    until(lambda: ours <= {topic for topic, _ in clients["homeassistant"].heard})
    assert health.sinks["mqtt"].state == "ok"
    sink.close()
    until(lambda: ("edge-run/kitchen/availability", b"offline") in clients["homeassistant"].heard)
    # An account that isn't the device's name: it gets in, and nothing it says arrives.
    clients["homeassistant"].heard.clear()
    stranger = MqttSink(
        Health(),
        broker=f"localhost:{broker.port}",
        id="kitchen",
        user="door",
        password="secret-door",
        ca=broker.ca,
    )
    stranger.write(Result(Frame(np.zeros((2, 2, 3), np.uint8), 0.0, 8), "demo", (), {"total": 1.0}))
    stranger.close()
    clients["operator"].say("edge-run/all/desired", "end")
    until(lambda: ("edge-run/all/desired", b"end") in clients["homeassistant"].heard)
    assert {topic for topic, _ in clients["homeassistant"].heard} == {"edge-run/all/desired"}


def test_no_option_is_unknown_or_old(broker: Broker) -> None:
    starting = broker.log.read_text().partition("New connection")[0]
    # "Note": an option that has a newer name.
    remarks = [line for line in starting.splitlines() if re.search(r"(?i)error|unknown|deprecat|warning|note:", line)]
    known = re.compile(r"run as root|^Client |pattern '(homeassistant/status|edge-run/all/desired)' does not contain")
    assert [line for line in remarks if not known.search(line)] == []  # root is the test's, not the service's
