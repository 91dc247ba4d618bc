"""edge-run as a whole: one source, every sink, each read by what people read it with."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.edge.mosquitto import Listener, Mosquitto, free_port, until

ROOT = Path(__file__).parent.parent.parent

#: urlopen keeps the proxies of whoever called it first in this process.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(port: int, path: str) -> bytes:
    return DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=20).read()


def test_every_sink_tells_the_same(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    listener = Listener(broker.port)
    web, metrics = free_port(), free_port()
    config = tmp_path / "edge-run.toml"
    config.write_text(
        f"""
        source = "demo"
        loop = true
        window = false
        max_fps = 25
        blur = true
        jsonl = "{tmp_path}/o.jsonl"
        csv = "{tmp_path}/o.csv"
        save_video = "{tmp_path}/o.mkv"
        [web]
        enabled = true
        port = {web}
        [mqtt]
        broker = "127.0.0.1:{broker.port}"
        id = "test"
        [metrics]
        enabled = true
        port = {metrics}
        """
    )
    command = [sys.executable, "-c", "from edge.cli import main; main()", "--config", str(config)]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: sum(topic == "edge-run/test/event" for topic, *_ in listener.heard) > 30, 60)
        health = json.loads(get(web, "/health"))
        picture = cv2.imdecode(np.frombuffer(get(web, "/snapshot.jpg"), np.uint8), cv2.IMREAD_COLOR)
        scraped = get(metrics, "/metrics").decode()
    finally:
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=60)
        listener.close()
        broker.stop()
    assert run.returncode == 0, err
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    heard = [json.loads(content) for topic, content, _ in listener.heard if topic == "edge-run/test/event"]
    assert heard == lines  # every frame, in order, the same object
    assert [line["frame"] for line in lines] == list(range(len(lines)))
    with (tmp_path / "o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(line["faces"]) for line in lines)
    assert rows[0]["emotion"] == lines[0]["faces"][0]["emotion"]
    capture = cv2.VideoCapture(str(tmp_path / "o.mkv"))
    frames = 0
    while capture.grab():
        frames += 1
    assert abs(frames - len(lines)) <= 2  # a loop's video is as long as the time it shows
    assert picture is not None and picture.shape == (480, 640, 3)
    assert (health["state"], health["source"]["name"]) == ("ok", "demo")
    assert set(health["sinks"]) == {"jsonl", "csv", "video", "web", "mqtt", "metrics"}
    assert all(sink["state"] == "ok" and sink["dropped"] == 0 for sink in health["sinks"].values())
    assert "edge_run_frames_processed_total" in scraped
    assert [content for topic, content, _ in listener.heard if topic.endswith("availability")][-1] == b"offline"
    assert f"frames     {len(lines)}" in out
