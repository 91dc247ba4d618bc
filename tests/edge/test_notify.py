"""systemd is told what it has to know, over a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.notify import ServiceManager

ROOT = Path(__file__).parent.parent.parent


class Listener:
    """Takes the place of systemd at its end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(30)

    def heard(self) -> list[str]:
        """Everything that came so far."""
        self._socket.setblocking(False)
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def address() -> Iterator[str]:
    # A socket's path may hold 107 bytes; pytest's folders can be longer.
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/notify"


@pytest.fixture
def listener(address: str) -> Iterator[Listener]:
    opened = Listener(address)
    yield opened
    opened.close()


def test_ready_alive_status_and_stopping(address: str, listener: Listener) -> None:
    now = [0.0]
    told = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}
    service = ServiceManager(told, clock=lambda: now[0])
    service.ready()
    for _ in range(100):  # ten seconds of a loop that looks up ten times a second
        service.alive(f"frames {int(now[0])}")
        now[0] += 0.1
    service.stopping()
    service.close()
    heard = listener.heard()
    assert heard[0] == "READY=1"
    assert heard[-1] == "STOPPING=1"
    assert heard.count("WATCHDOG=1") == 5  # every two seconds, half of what was asked for
    assert [line for line in heard if line.startswith("STATUS=")] == ["STATUS=frames 0", "STATUS=frames 5"]


@pytest.mark.parametrize(
    "told",
    [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}, {"WATCHDOG_USEC": "1"}, {"WATCHDOG_USEC": "soon"}],
    ids=["nothing", "dead", "no socket", "nonsense"],
)
def test_outside_of_a_service_nothing_happens(told: dict[str, str]) -> None:
    service = ServiceManager(told)
    service.ready()
    service.alive("seeing")
    service.close()
    service.alive("after the end")


def test_a_watchdog_meant_for_another_process_is_not_fed(address: str, listener: Listener) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"})
    service.alive("")
    service.close()
    assert "WATCHDOG=1" not in listener.heard()


def test_names_in_the_abstract_namespace() -> None:
    name = f"edge-run-test-{os.getpid()}-{time.monotonic_ns()}"
    listener = Listener("\0" + name)
    service = ServiceManager({"NOTIFY_SOCKET": "@" + name})
    service.ready()
    service.close()
    assert listener.heard() == ["READY=1"]
    listener.close()


def test_edge_run_tells_systemd(address: str, listener: Listener) -> None:
    command = [sys.executable, "-c", "from edge.cli import main; main()", "--source", "demo", "--no-window"]
    environment = {**os.environ, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
    run = subprocess.Popen([*command, "--max-frames", "40", "--max-fps", "40"], env=environment, cwd=ROOT)
    heard: list[str] = []
    while run.poll() is None:  # the kernel keeps ten unread messages, and systemd reads at once
        heard += listener.heard()
        time.sleep(0.01)
    heard += listener.heard()
    assert run.returncode == 0
    assert heard[0] == "READY=1"
    assert heard.count("WATCHDOG=1") >= 4
    assert any(line.startswith("STATUS=demo: ") for line in heard)
    assert heard[-1] == "STOPPING=1"
