"""A real Prometheus with the shipped configuration, asking a real edge-run sink for its numbers."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.health import Health
from edge.labels import LABELS
from edge.sinks.prometheus import PrometheusSink
from edge.types import Emotion, Face, Frame, Reading, Result
from tests.edge.mosquitto import free_port, program, until

#: urlopen keeps the proxies of whoever called it first in this process.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

FOLDER = Path(__file__).parents[2] / "firmware_configs" / "prometheus"


class WarmHealth(Health):
    """A run on a machine that tells its temperature, as every Raspberry Pi does."""

    def temperature(self) -> float | None:
        return 61.0


class Device:
    """A run with two sinks, one of which loses results, seen through its metrics."""

    def __init__(self) -> None:
        self.health = WarmHealth()
        self.health.model, self.health.detector = "mobilenet_v2", "blazeface"
        self.health.sink("jsonl")
        self.health.sink("mqtt")
        self.sink = PrometheusSink(self.health, port=0)
        self._frames = 0

    def read_frames(self, count: int = 20) -> None:
        emotion = Emotion(tuple(float(label == "happiness") for label in LABELS), LABELS, 0.5, 0.5)
        readings = (Reading(Face((0, 0, 9, 9), 0.9, (), 1), emotion),)
        timings = {"detect": 4.0, "track": 0.2, "crop": 0.1, "classify": 2.0, "total": 7.0, "latency": 30.0}
        for _ in range(count):
            frame = Frame(np.zeros((2, 2, 3), np.uint8), 0.0, self._frames)
            self._frames += 1
            self.health.source.captured += 1
            self.health.count(1, timings)
            self.health.sink("jsonl").written += 1
            self.health.sink("mqtt").dropped += 1
            self.sink.write(Result(frame, "demo", readings, timings))

    def scrape(self) -> str:
        with DIRECT.open(f"http://127.0.0.1:{self.sink.port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())


class Prometheus:
    """The server, asked over HTTP as Grafana does."""

    def __init__(self, port: int) -> None:
        self._at = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with DIRECT.open(f"{self._at}{path}?{query}", timeout=10) as answer:
            return json.loads(answer.read())["data"]

    def is_ready(self) -> bool:
        try:
            with DIRECT.open(f"{self._at}/-/ready", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def value(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now; fails where it is wrong."""
        try:
            return list(self.ask("/api/v1/query", query=expression)["result"])
        except urllib.error.HTTPError as error:
            pytest.fail(f"{expression}: {error.read().decode()}")


def serve(folder: Path, device: Device) -> Iterator[Prometheus]:
    """Run Prometheus until the test is done: the shipped files, asked every second instead of every quarter minute."""
    program("prometheus")
    text = (FOLDER / "prometheus.yml").read_text()
    for slow in ("scrape_interval: 15s", "scrape_timeout: 10s", "evaluation_interval: 15s"):
        assert slow in text
        text = text.replace(slow, f"{slow.partition(':')[0]}: 1s")
    (folder / "prometheus.yml").write_text(text)
    (folder / "edge-run.rules.yml").write_text((FOLDER / "edge-run.rules.yml").read_text())
    targets = (FOLDER / "devices.yml").read_text().replace("kitchen.local:9464", f"127.0.0.1:{device.sink.port}")
    (folder / "edge-run").mkdir()
    (folder / "edge-run" / "devices.yml").write_text(targets.replace("door.local:9464", "door.local:1"))
    port = free_port()
    arguments = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=1h",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=folder)
    server = Prometheus(port)
    try:
        until(lambda: server.is_ready() or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(20)


def wait_for_numbers(server: Prometheus, device: Device) -> None:
    """Let frames come until rates, recorded rules and alerts have something to show."""

    def is_there() -> bool:
        device.read_frames()
        time.sleep(0.1)
        return bool(
            server.value("instance:edge_run_latency_seconds:p95 and instance:edge_run_frames_processed:rate5m > 0")
            and server.value('ALERTS{alertname="EdgeRunResultsLost", alertstate="firing"}')
        )

    until(is_there)
