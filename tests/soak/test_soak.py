"""An hour at 30 frames a second with every sink at work, each of them taken away and given back.

make test-soak runs it; MINUTES=5 makes it shorter.
"""

from __future__ import annotations

import contextlib
import csv
import json
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.watch import Sample, sample

ROOT = Path(__file__).parent.parent.parent
BROKER = "/usr/sbin/mosquitto"
pytestmark = pytest.mark.soak

#: Seconds that something stays away.
AWAY = 20.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Broker:
    """A real Mosquitto that can be killed and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [BROKER, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Subscriber:
    """Counts what arrives, in the order in which it first arrives."""

    def __init__(self, port: int) -> None:
        from paho.mqtt import client
        from paho.mqtt.enums import CallbackAPIVersion

        self.frames: set[int] = set()
        self.doubled = self.backwards = 0
        self._last = -1
        self._client = client.Client(CallbackAPIVersion.VERSION2, client_id="soak", clean_session=False)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = lambda *_: self._client.subscribe("edge-run/+/event", qos=1)
        self._client.on_message = self._take
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _client: object, _data: object, message: object) -> None:
        frame = json.loads(message.payload)["frame"]  # type: ignore[attr-defined]
        if frame in self.frames:
            self.doubled += 1
            return
        self.backwards += frame < self._last
        self._last = frame
        self.frames.add(frame)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Browser(threading.Thread):
    """Something that watches the page's socket, vanishes without a word now and then, and comes back."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.messages = 0
        self.over = threading.Event()

    def run(self) -> None:
        import asyncio

        import aiohttp

        async def watch(seconds: float) -> None:
            url = f"http://127.0.0.1:{self._port}"
            async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/live", origin=url) as page:
                await page.send_json({"picture": True})
                until = time.monotonic() + seconds
                while time.monotonic() < until and not self.over.is_set():
                    message = await page.receive(timeout=10)
                    if message.type == aiohttp.WSMsgType.BINARY:
                        self.messages += 1
                        await page.send_json({"got": 1})
                transport = page._response.connection and page._response.connection.transport
                if transport:
                    transport.abort()

        while not self.over.is_set():
            with contextlib.suppress(Exception):
                asyncio.run(watch(23.0))
            self.over.wait(1)


def scrape(port: int) -> dict[str, float]:
    from prometheus_client.parser import text_string_to_metric_families

    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return {
        sample.name + "".join(f"{{{k}={v}}}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Disk:
    """A small disk of its own, that can be full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"a disk to fill can't be mounted here, which root may: {done.stderr.decode().strip()}")

    def fill(self) -> None:
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(1 << 16))
                filler.flush()

    def free(self) -> None:
        """Make room as its owner would: the filler goes, and videos that are finished."""
        (self.folder / "filler").unlink()
        for video in sorted(self.folder.glob("*.mkv"), key=lambda path: path.stat().st_mtime)[:-1]:
            video.unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", self.folder], check=True)


def test_an_hour(clips: Path, tmp_path: Path, minutes: float, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path(BROKER).exists():
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    disk = Disk(tmp_path / "disk")
    mqtt, web, metrics = free_port(), free_port(), free_port()
    broker, subscriber = Broker(tmp_path, mqtt), Subscriber(mqtt)
    command = [sys.executable, "-c", "from edge.cli import main; main()", "--no-window"]
    command += ["--source", str(clips / "one_face.mp4"), "--loop", "--max-fps", "30"]
    command += ["--jsonl", str(disk.folder / "o.jsonl"), "--csv", str(disk.folder / "o.csv"), "--rotate-mb", "4"]
    command += ["--rotate-keep", "100"]
    command += ["--save-video", str(disk.folder / "o.mkv"), "--web", "--web-port", str(web)]
    command += ["--mqtt", f"127.0.0.1:{mqtt}", "--metrics", "--metrics-port", str(metrics)]
    log = (tmp_path / "log").open("w")
    run = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    browsers = [Browser(web), Browser(web)]
    samples: list[Sample] = []
    troubles = [
        ("broker", broker.kill, broker.start),
        ("disk", disk.fill, disk.free),
    ]
    started = time.monotonic()
    length = 60 * minutes
    every = max(60.0, length / 20)
    scraped: dict[str, float] = {}
    try:
        _until(lambda: (disk.folder / "o.jsonl").exists() and (disk.folder / "o.jsonl").stat().st_size > 0)
        for browser in browsers:
            browser.start()
        turn, restore, restore_at, next_trouble = 0, None, 0.0, started + 90
        while (now := time.monotonic()) - started < length:
            assert run.poll() is None, (tmp_path / "log").read_text()
            samples.append(sample(run.pid, now - started))
            scraped = scrape(metrics)
            if restore and now >= restore_at:
                restore()
                restore, next_trouble = None, now + every
            elif restore is None and now >= next_trouble and length - (now - started) > 2 * AWAY:
                name, take, restore = troubles[turn % len(troubles)]
                _tell(capsys, f"{now - started:6.0f} s  {name} taken away for {AWAY:.0f} s")
                take()
                restore_at, turn = now + AWAY, turn + 1
            if len(samples) % 30 == 1:
                _tell(capsys, f"{now - started:6.0f} s  {samples[-1]}")
            time.sleep(2)
        time.sleep(5)
        last = scrape(metrics)
    finally:
        for browser in browsers:
            browser.over.set()
        run.send_signal(signal.SIGTERM)
        code = run.wait(60)
        time.sleep(1)
        subscriber.stop()
        broker.kill()
        lines = sum(file.read_bytes().count(b"\n") for file in disk.folder.glob("o*.jsonl"))
        disk.unmount()
    log.close()
    with (
        (ROOT / "out" / "soak.csv").open("w", newline="")
        if (ROOT / "out").is_dir()
        else contextlib.nullcontext() as file
    ):
        if file:
            rows = csv.writer(file)
            rows.writerow(Sample.__dataclass_fields__)
            rows.writerows([vars(s).values() for s in samples])
    assert code == 0, (tmp_path / "log").read_text()
    settled = [s for s in samples if 60 <= s.second < 120]
    end = samples[-len(settled) :]
    growth = statistics.median(s.memory_kb for s in end) - statistics.median(s.memory_kb for s in settled)
    for name in ("threads", "files", "sockets"):
        first, final = (max(getattr(s, name) for s in part) for part in (settled, end))
        _tell(capsys, f"{name}: at most {first} in the second minute, {final} in the last")
        assert final <= first + 1, name
    frames = scraped["edge_run_frames_processed_total"]
    seconds = samples[-1].second
    _tell(
        capsys,
        f"{frames:.0f} frames in {seconds:.0f} s, memory grew by {growth / 1024:.2f} MB, "
        f"processor {samples[-1].cpu / seconds:.0%} of one core, {turn} troubles\n"
        f"{lines} lines kept; mqtt: {len(subscriber.frames)} events, {subscriber.doubled} twice, "
        f"{subscriber.backwards} out of order; pages: {[b.messages for b in browsers]}\n"
        + "\n".join(f"{k} {v:g}" for k, v in sorted(last.items()) if "sink" in k),
    )
    assert growth / 1024 < 5
    assert frames > 0.95 * 30 * seconds
    # Nothing is lost but what was counted: the broker's time away fits the buffer, the disk's doesn't.
    assert subscriber.backwards == 0
    assert subscriber.frames == set(range(max(subscriber.frames) + 1))
    assert last["edge_run_sink_dropped_total{sink=mqtt}"] == 0
    assert lines + last["edge_run_sink_dropped_total{sink=jsonl}"] >= last["edge_run_frames_processed_total"]
    assert all(last[f"edge_run_sink_up{{sink={name}}}"] == 1 for name in ("jsonl", "csv", "video", "mqtt", "web"))
    assert all(browser.messages > 0 for browser in browsers)
    assert turn >= 2 or minutes < 4


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _tell(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(text, flush=True)
