"""A real Mosquitto for tests, and somebody who listens to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion


def program(name: str) -> str:
    """Where a system program is; the test skips where it isn't."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


class Mosquitto:
    """A broker on a port of its own that keeps sessions over a restart, and loses nothing by itself."""

    def __init__(self, folder: Path, *more: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._saved = folder / "mosquitto.db"
        self._config = folder / "mosquitto.conf"
        self._program = program("mosquitto")
        lines = [
            f"listener {self.port} 127.0.0.1",
            *(more or ("allow_anonymous true",)),
            "persistence true",
            f"persistence_location {folder}/",
            "max_inflight_messages 0",
            "max_queued_messages 0",
            *(("user root",) if os.geteuid() == 0 else ()),
        ]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", self._config], stderr=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def save(self) -> None:
        """Write sessions and subscriptions to disk."""
        assert self._process is not None
        self._saved.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        until(self._saved.exists)

    def freeze(self) -> None:
        """Let it hear and say nothing more, with its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None


class Listener:
    """Hears everything; its session outlives its connections, so it misses nothing while it is reconnecting."""

    def __init__(
        self, port: int, name: str = "listener", identify: Callable[[paho.Client], None] | None = None
    ) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._subscribed = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = lambda _, __, message: self.heard.append(
            (message.topic, message.payload, message.retain)
        )
        if identify is not None:
            identify(self._client)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        until(lambda: self._subscribed)

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed = True

    def say(self, topic: str, content: str) -> None:
        self._client.publish(topic, content, 1).wait_for_publish(10)

    def of(self, ending: str) -> list[bytes]:
        return [content for topic, content, _ in list(self.heard) if topic.endswith(ending)]

    def objects(self, ending: str) -> list[Any]:
        return [json.loads(content) for content in self.of(ending)]

    def frames(self) -> list[int]:
        """Frame numbers of the events in the order in which each arrived first."""
        return list(dict.fromkeys(event["frame"] for event in self.objects("/event")))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
