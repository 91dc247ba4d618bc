"""The MQTT sink and a real Mosquitto: what arrives, and what happens when it goes away."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.errors import EdgeError
from edge.events import event
from edge.health import Health
from edge.labels import LABELS
from edge.sinks.backlog import Backlog
from edge.sinks.broker import parse_broker
from edge.sinks.mqtt import MqttSink
from edge.types import Emotion, Face, Frame, Reading, Result
from tests.edge.mosquitto import Listener, Mosquitto, free_port, program, until

ROOT = Path(__file__).parent.parent.parent
Sinks = Callable[..., MqttSink]


def reading(number: int, size: float, label: str = "happiness", valence: float = 0.7) -> Reading:
    probabilities = tuple(0.65 if name == label else 0.05 for name in LABELS)
    return Reading(Face((4, 5, size, size), 0.9, (), number), Emotion(probabilities, LABELS, valence, 0.4))


def result(index: int, *readings: Reading) -> Result:
    image = np.random.default_rng(index).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    return Result(Frame(image, index / 30, index), "demo", readings, {"detect": 1.25, "total": 3.5})


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def listener(mosquitto: Mosquitto) -> Iterator[Listener]:
    ears = Listener(mosquitto.port)
    yield ears
    ears.close()


@pytest.fixture
def sink() -> Iterator[Sinks]:
    """Open sinks for a device called ``kitchen`` that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(health: Health, port: int, **options) -> MqttSink:
            made = MqttSink(health, broker=f"127.0.0.1:{port}", id="kitchen", **options)
            stack.callback(made.close)
            return made

        yield make


def test_events_arrive_as_they_are_in_files(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    health = Health()
    results = [result(i, *(reading(n + 1, 20 + n) for n in range(i % 3))) for i in range(100)]
    opened = sink(health, mosquitto.port)
    for one in results:
        assert opened.write(one)
    until(lambda: len(listener.of("/event")) == 100)
    assert listener.objects("edge-run/kitchen/event") == [json.loads(json.dumps(event(one))) for one in results]
    assert health.sinks["mqtt"].state == "ok"
    assert health.sinks["mqtt"].dropped == 0


def test_nothing_else_leaves(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    opened = sink(Health(), mosquitto.port)
    for i in range(20):
        opened.write(result(i, reading(1, 20)))
    opened.close()
    until(lambda: b"offline" in listener.of("/availability"))
    mine = [f"edge-run/kitchen/{name}" for name in ("event", "state", "health", "availability")]
    assert {topic for topic, _, _ in listener.heard} == {*mine, "homeassistant/device/edge-run-kitchen/config"}
    for topic, content, _ in listener.heard:
        assert content in (b"online", b"offline") or isinstance(json.loads(content), dict), topic
        assert len(content) < 6000  # the smallest picture here has 3072 bytes, 4096 as base64, beside its event
        assert b"image" not in content


def test_clean_end(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    opened = sink(Health(), mosquitto.port)
    for i in range(300):
        opened.write(result(i, reading(1, 20)))
    opened.close()
    until(lambda: len(listener.frames()) == 300)
    until(lambda: listener.of("/availability")[-1:] == [b"offline"])
    assert listener.of("/availability") == [b"online", b"offline"]
    assert listener.objects("/state")[-1]["emotion"] is None  # nobody's mood stays behind


@pytest.mark.parametrize("pause", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_broker_that_dies_loses_nothing(mosquitto: Mosquitto, listener: Listener, sink: Sinks, pause: float) -> None:
    health = Health()
    opened = sink(health, mosquitto.port)
    frames = 0

    def write_for(seconds: float) -> None:
        nonlocal frames
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            opened.write(result(frames, reading(1, 20)))
            frames += 1
            time.sleep(0.004)

    write_for(0.3)
    until(lambda: listener.frames())
    mosquitto.save()
    write_for(0.3)
    mosquitto.freeze()
    write_for(0.2)  # dozens: some are in flight and will never be confirmed
    mosquitto.stop(signal.SIGKILL)
    write_for(pause)
    assert health.sinks["mqtt"].state.startswith("away ")
    assert "connection refused" in health.sinks["mqtt"].state
    mosquitto.start()
    write_for(0.3)
    until(lambda: len(listener.frames()) == frames, 60)
    assert listener.frames() == list(range(frames))
    assert health.sinks["mqtt"].state == "ok"
    assert health.sinks["mqtt"].restarts == 1
    assert health.sinks["mqtt"].dropped == 0


def test_the_oldest_go_when_the_buffer_is_full(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    mosquitto.stop()  # saves the listener's session
    health = Health()
    opened = sink(health, mosquitto.port, buffer=50)  # devices boot before brokers
    for i in range(120):
        opened.write(result(i))
    assert health.sinks["mqtt"].dropped == 70
    until(lambda: "away" in health.sinks["mqtt"].state)
    mosquitto.start()
    until(lambda: len(listener.frames()) == 50)
    assert listener.frames() == list(range(70, 120))
    assert health.sinks["mqtt"].dropped == 70
    assert health.sinks["mqtt"].restarts == 0


def test_without_a_broker_the_end_comes_soon_and_counts_what_was_lost(sink: Sinks) -> None:
    health = Health()
    opened = sink(health, free_port())
    for i in range(30):
        opened.write(result(i))
    opened.close()
    assert health.sinks["mqtt"].dropped == 30
    assert "30 events" in health.sinks["mqtt"].state


def test_the_will_of_a_killed_process(mosquitto: Mosquitto, listener: Listener) -> None:
    program = (
        "import sys, time; from edge.health import Health; from edge.sinks.mqtt import MqttSink\n"
        f"sink = MqttSink(Health(), broker='127.0.0.1:{mosquitto.port}', id='kitchen'); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    until(lambda: listener.of("kitchen/availability") == [b"online"])
    process.kill()
    process.wait()
    until(lambda: listener.of("kitchen/availability") == [b"online", b"offline"])


def test_home_assistant_finds_a_device(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    health = Health()
    health.model = "mobilenet_v2"
    sink(health, mosquitto.port, discovery="ha").write(result(0, reading(1, 20)))
    until(lambda: listener.of("/state") and listener.of("/health"))
    (found,) = listener.objects("ha/device/edge-run-kitchen/config")
    assert found["device"]["identifiers"] == ["edge-run-kitchen"]
    assert found["device"]["model"] == "mobilenet_v2"
    assert {"name", "sw_version"} <= set(found["origin"])
    assert found["availability_topic"] == "edge-run/kitchen/availability"
    parts = found["components"]
    assert {"emotion", "valence", "arousal", "faces", "fps", "reconnects", "problem"} <= set(parts)
    assert parts["emotion"]["device_class"] == "enum"
    assert parts["emotion"]["options"] == [*LABELS, "none"]
    # Home Assistant refuses an enumeration that claims to be a measurement.
    assert not {"state_class", "unit_of_measurement"} & set(parts["emotion"])
    assert len({part["unique_id"] for part in parts.values()}) == len(parts)
    for part in parts.values():
        assert part["platform"] in ("sensor", "binary_sensor")
        message = listener.objects(part["state_topic"])[0]
        assert part["value_template"].startswith("{{ ")
        for path in (word for word in part["value_template"].split() if word.startswith("value_json.")):
            value = message
            for key in path.removeprefix("value_json.").split("."):
                value = value[key]  # what the template looks for is there


def test_what_is_retained_and_repeated(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    sink(Health(), mosquitto.port)
    until(lambda: listener.of("/health"))
    late = Listener(mosquitto.port, "late")
    until(lambda: late.of("/health"))
    late.close()
    assert {topic.rpartition("/")[2] for topic, _, retained in late.heard if retained} == {
        "availability",
        "config",
        "state",
        "health",
    }
    before = len(listener.of("/config"))
    listener.say("homeassistant/status", "online")  # as Home Assistant does when it has started
    until(lambda: len(listener.of("/config")) == before + 1)
    # A will that comes late, after this connection said that it is there.
    listener.say("edge-run/kitchen/availability", "offline")
    until(lambda: listener.of("/availability")[-1] == b"online")


def test_no_announcement_unless_wanted(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    sink(Health(), mosquitto.port, discovery="").write(result(0))
    until(lambda: listener.of("/event") and listener.of("/health"))
    assert listener.of("/config") == []


def test_the_state_tells_of_the_nearest_face_and_of_trouble(
    mosquitto: Mosquitto, listener: Listener, sink: Sinks
) -> None:
    health = Health()
    health.source.name = "door"
    opened = sink(health, mosquitto.port)
    opened.write(result(0, reading(1, 20, "anger"), reading(2, 90, "surprise", -0.25)))
    until(lambda: any(said["emotion"] for said in listener.objects("/state")))
    said = listener.objects("/state")[-1]
    assert (said["emotion"], said["valence"], said["faces"], said["problem"]) == ("surprise", -0.25, 2, "")
    assert said["source"] == {"name": "door", "state": "ok"}
    count = len(listener.of("/state"))
    for i in range(60):  # nothing but noise for more than a second
        opened.write(result(1 + i, reading(1, 20, "anger"), reading(2, 90, "surprise", -0.25 + 0.001 * (i % 9))))
        time.sleep(0.02)
    assert len(listener.of("/state")) == count
    health.source.state = "lost 2 s ago, opening again"  # no result comes any more, and yet it is told
    until(lambda: listener.objects("/state")[-1]["problem"] == "source: lost 2 s ago, opening again")
    assert listener.objects("/state")[-1]["emotion"] is None
    assert listener.objects("/state")[-1]["faces"] is None


def test_a_rate_keeps_the_newest(mosquitto: Mosquitto, listener: Listener, sink: Sinks) -> None:
    opened = sink(Health(), mosquitto.port, rate=10)
    begin = time.monotonic()
    for i in range(100):
        opened.write(result(i))
        time.sleep(0.005)
    until(lambda: 99 in listener.frames())
    assert len(listener.frames()) <= 2 + 10 * (time.monotonic() - begin)
    assert listener.frames() == sorted(listener.frames())


def test_encrypted_and_with_a_password(tmp_path: Path, sink: Sinks) -> None:
    openssl, passwd = program("openssl"), program("mosquitto_passwd")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def run(*words: str) -> None:
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)

    run(
        openssl,
        "req",
        "-x509",
        *key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=test authority",
    )
    run(openssl, "req", *key, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=broker")
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2"]
    run(openssl, "x509", "-req", "-in", "own.csr", *signed, "-out", "own.pem")
    run(passwd, "-b", "-c", "users", "camera", "secret")
    files = {"cafile": "ca.pem", "certfile": "own.pem", "keyfile": "own.key", "password_file": "users"}
    mosquitto = Mosquitto(tmp_path / "broker", *(f"{key} {tmp_path / name}" for key, name in files.items()))
    mosquitto.start()

    def identify(client) -> None:
        client.tls_set(str(tmp_path / "ca.pem"))
        client.username_pw_set("camera", "secret")

    listener = Listener(mosquitto.port, identify=identify)
    try:
        strangers = {"not authorised": Health(), "certificate refused": Health(), "connection lost": Health()}
        ours = {"ca": tmp_path / "ca.pem", "user": "camera"}
        sink(strangers["not authorised"], mosquitto.port, **ours, password="guess")
        sink(strangers["certificate refused"], mosquitto.port, tls=True)
        sink(strangers["connection lost"], mosquitto.port)
        health = Health()
        opened = sink(health, mosquitto.port, **ours, password="secret")
        for i in range(50):
            opened.write(result(i))
        until(lambda: len(listener.frames()) == 50)
        assert health.sinks["mqtt"].state == "ok"
        for words, stranger in strangers.items():
            until(lambda stranger=stranger, words=words: words in stranger.sinks["mqtt"].state)
            assert "guess" not in stranger.sinks["mqtt"].state
    finally:
        listener.close()
        mosquitto.stop()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_nothing_is_left_behind(mosquitto: Mosquitto) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    nobody = free_port()
    threads, files = threading.active_count(), open_files()
    for port in (mosquitto.port, nobody, mosquitto.port, nobody):
        health = Health()
        sink = MqttSink(health, broker=f"127.0.0.1:{port}", id="kitchen")
        sink.write(result(0))
        until(lambda health=health: not health.sinks["mqtt"].state.startswith("connecting"))
        sink.close()
    assert threading.active_count() == threads
    assert open_files() == files


@pytest.mark.parametrize(
    ("text", "tls", "host", "port"),
    [
        ("broker", False, "broker", 1883),
        ("broker.local.", True, "broker.local.", 8883),
        ("192.168.1.7:1884", False, "192.168.1.7", 1884),
        ("[fe80::1]:1884", False, "fe80::1", 1884),
        ("[::1]", False, "::1", 1883),
        ("::1", False, "::1", 1883),
    ],
)
def test_brokers(text: str, tls: bool, host: str, port: int) -> None:
    broker = parse_broker(text, tls=tls, user="camera", password="secret")
    assert (broker.host, broker.port, broker.tls is not None) == (host, port, tls)
    assert "secret" not in repr(broker)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"broker": ""}, "no host name"),
        ({"broker": "mqtt://broker"}, "host:port"),
        ({"broker": "two words"}, "no host name"),
        ({"broker": "broker:0"}, "no port"),
        ({"broker": "broker:70000"}, "no port"),
        ({"broker": "[broker]:1883"}, "no host name"),
        ({"broker": "broker", "password": "secret"}, "--mqtt-user"),
        ({"broker": "broker", "topic": "all/#"}, "--mqtt-topic"),
        ({"broker": "broker", "topic": "/"}, "--mqtt-topic"),
        ({"broker": "broker", "id": "the kitchen"}, "--mqtt-id"),
        ({"broker": "broker", "discovery": "+"}, "--mqtt-discovery"),
        ({"broker": "broker", "ca": Path("/nowhere/ca.pem")}, "/nowhere/ca.pem"),
        ({"broker": "broker", "ca": ROOT / "pyproject.toml"}, "no certificate"),
    ],
    ids=str,
)
def test_mistakes_are_named(options: dict, says: str) -> None:
    before = threading.active_count()
    with pytest.raises(EdgeError, match=says) as raised:
        MqttSink(Health(), **options)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)
    assert threading.active_count() == before


def test_a_missing_package_is_named() -> None:
    program = "import sys; sys.modules['paho'] = None\nimport edge.sinks.mqtt"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "NotInstalledError" in finished.stderr
    assert "emot-edge[mqtt]" in finished.stderr


def test_a_backlog_keeps_what_was_not_confirmed_in_its_place() -> None:
    backlog = Backlog(limit=5, window=2)
    assert all(backlog.put(bytes([i])) for i in range(4))
    assert backlog.take() == (1, b"\0")
    assert backlog.take() == (2, b"\1")
    assert backlog.take() is None  # the window is full
    backlog.confirm(1)
    assert backlog.take() == (3, b"\2")
    backlog.rewind()
    assert len(backlog) == 3
    assert backlog.put(b"\4")
    assert backlog.put(b"\5")
    assert not backlog.put(b"\6")  # the oldest one goes
    backlog.confirm(2)  # of the old connection: means nothing any more
    contents = []
    while (taken := backlog.take()) is not None:
        contents.append(taken[1])
        backlog.confirm(taken[0])
    assert contents == [b"\2", b"\3", b"\4", b"\5", b"\6"]
