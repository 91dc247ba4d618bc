"""Streams on the loopback that stall, end, change and come back; devices that hang."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.sources import Source, SourceOptions, open_source
from edge.sources.device import LostError, Picture
from edge.sources.live import LiveSource
from edge.sources.stream import redacted, stream_opening
from edge.types import Frame
from tests.edge.camera_servers import http_camera, rtsp_camera

ROOT = Path(__file__).parent.parent.parent
OPTIONS = SourceOptions(stall_timeout=0.5)


def opened(url: str, options: SourceOptions = OPTIONS) -> LiveSource:
    """A stream with short pauses between attempts."""
    return LiveSource(redacted(url), stream_opening(url, options), options, backoff=(0.05, 0.2))


def watch(source: Source, until: Callable[[Frame | None], bool], seconds: float = 30) -> list[Frame]:
    """Read until something holds; return the frames."""
    seen = []
    deadline = time.monotonic() + seconds
    for frame in source.frames():
        assert time.monotonic() < deadline, f"did not happen: {source.state}"
        if frame is not None:
            seen.append(frame)
        if until(frame):
            return seen
    return seen


def after(count: int) -> Callable[[Frame | None], bool]:
    left = [count]

    def enough(frame: Frame | None) -> bool:
        left[0] -= frame is not None
        return left[0] <= 0

    return enough


def test_old_frames_are_dropped_and_counted() -> None:
    with http_camera() as camera:
        source = opened(camera.url)
        seen = []
        for frame in source.frames():
            if frame:
                seen.append(frame)
                time.sleep(0.05)  # slower than the camera
            if len(seen) == 12:
                break
        source.close()
    indices = [frame.index for frame in seen]
    assert indices == sorted(set(indices))
    assert source.dropped > 0
    assert indices[-1] + 1 - len(indices) <= source.dropped  # every frame that was not seen was counted
    assert source.captured >= indices[-1] + 1
    assert [frame.captured for frame in seen] == sorted(frame.captured for frame in seen)
    assert all(0 <= time.perf_counter() - frame.captured < 60 for frame in seen)
    assert all(abs(time.time() - frame.time) < 60 for frame in seen)


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_stream_that_stalls_ends_and_changes_comes_back(kind: str) -> None:
    threads = threading.active_count()
    serving = http_camera() if kind == "http" else rtsp_camera()
    with serving as camera:
        source = opened(camera.url)
        assert "secret" not in source.name
        watch(source, after(5))
        assert source.state == "ok"

        camera.mood = "stalls"
        watch(source, lambda _: source.state.startswith("lost"))
        assert "no picture for" in source.state
        camera.mood = "plays"
        watch(source, lambda frame: source.reconnects == 1 and frame is not None)
        assert source.state == "ok"

        camera.mood = "ends"
        watch(source, lambda _: "it ended" in source.state)
        camera.size = (128, 96)
        camera.mood = "plays"
        frames = watch(source, lambda frame: frame is not None and frame.image.shape == (96, 128, 3))
        assert source.reconnects == 2
        assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})

        source.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() == threads
    assert not any("UDP" in transport for transport in getattr(camera, "transports", []))


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_new_size_in_mid_stream_harms_nobody(kind: str) -> None:
    with http_camera() if kind == "http" else rtsp_camera() as camera:
        source = opened(camera.url)
        watch(source, after(3))
        camera.size = (128, 96)
        frames = watch(source, after(20))
        source.close()
    assert (source.reconnects, source.state) == (0, "ok")
    # Over HTTP, and OpenCV 4 over RTSP too, later pictures are brought to the size of the first one.
    if kind == "rtsp" and int(cv2.__version__.partition(".")[0]) >= 5:
        assert frames[-1].image.shape == (96, 128, 3)
    assert all(frame.image.std() < 3 for frame in frames)  # whole pictures of one gray each


def test_held_frames_do_not_change() -> None:
    with http_camera(pause=0.002) as camera:
        source = opened(camera.url, SourceOptions(rotation=90))
        held = [(frame, frame.image.copy()) for frame in watch(source, after(60))]
        source.close()
    assert all((frame.image == copy).all() and copy.shape == (64, 48, 3) for frame, copy in held)
    assert len({int(copy[0, 0, 0]) for _, copy in held}) > 30


def test_a_refusing_or_absent_stream_is_named_without_its_password() -> None:
    with http_camera() as camera:
        camera.mood = "refuses"
        with pytest.raises(EdgeError, match="sends no video") as wrong:
            open_source(camera.url.replace("://", "://user:secret@"), OPTIONS)
        port = camera.url.split(":")[2].partition("/")[0]
    with pytest.raises(EdgeError, match=f"127.0.0.1 refuses connections on port {port}") as gone:
        open_source(f"rtsp://user:secret@127.0.0.1:{port}/live?channel=1&password=secret", OPTIONS)
    with pytest.raises(EdgeError, match="cannot open stream") as written_wrong:
        open_source("http://user:secret@[::1/live", OPTIONS)
    for caught in (wrong, gone, written_wrong):
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://user:secret@10.0.0.2:554/ch1", "rtsp://10.0.0.2:554/ch1"),
        ("rtsp://user:se@cret@10.0.0.2/ch1", "rtsp://10.0.0.2/ch1"),
        ("rtsp://user:se/cret@10.0.0.2/ch1", "rtsp://10.0.0.2/ch1"),
        ("http://user@host/a", "http://host/a"),
        ("http://host/a@b", "http://host/a@b"),
        ("http://host:8080/a?x=1&pwd=secret&user=me&y=2#f", "http://host:8080/a?x=1&pwd=...&user=...&y=2#f"),
        ("http://host/v?token=secret", "http://host/v?token=..."),
        ("http://[::1]:80/v", "http://[::1]:80/v"),
        ("clip.mp4", "clip.mp4"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_a_patient_source_waits_for_a_stream() -> None:
    with http_camera() as camera:
        camera.mood = "refuses"
        source = opened(camera.url, SourceOptions(stall_timeout=0.5, patient=True))
        assert watch(source, lambda _: "not there for" in source.state) == []
        camera.mood = "plays"
        watch(source, after(3))
        assert (source.state, source.reconnects) == ("ok", 0)
        source.close()


class Hanging:
    """A driver that gives some pictures and then never returns from a call, until the test lets it."""

    fps = 30.0
    notes = ()

    def __init__(self, let_go: threading.Event, pictures: int = 3) -> None:
        self._let_go = let_go
        self._left = pictures
        self.closed = threading.Event()

    def read(self) -> Picture:
        if not self._left:
            self._let_go.wait()
            return Picture(np.full((8, 8, 3), 255, np.uint8))
        self._left -= 1
        return Picture(np.zeros((8, 8, 3), np.uint8))

    def close(self) -> None:
        self.closed.set()


def test_a_hanging_driver_is_given_up_a_few_times_and_holds_up_nobody() -> None:
    let_go = threading.Event()
    devices: list[Hanging] = []

    def opening() -> Hanging:
        devices.append(Hanging(let_go))
        return devices[-1]

    source = LiveSource("camera", opening, SourceOptions(stall_timeout=0.1), backoff=(0.01, 0.02), grace=0.1)
    states = set()
    seen = watch(source, lambda _: states.add(source.state) is None and len(devices) >= 4)
    ending = time.monotonic() + 1
    watch(source, lambda _: time.monotonic() > ending)
    assert len(devices) == 4  # three threads are stuck; the fourth is not given up as well
    assert len(seen) <= 12
    assert any(state.startswith("stalled, no picture for") for state in states)
    assert any("it hangs" in state for state in states)
    source.close()  # returns although all four hang
    let_go.set()
    assert all(device.closed.wait(10) for device in devices)
    assert all((frame.image == 0).all() for frame in seen)
    assert source.captured == 12  # what a given-up thread brings too late is not taken


def test_whatever_a_driver_throws_the_source_goes_on() -> None:
    class Throwing(Hanging):
        def read(self) -> Picture:
            if not self._left:
                raise MemoryError("of the driver")
            return super().read()

    attempts = iter(range(1000))

    def opening() -> Throwing:
        if next(attempts) % 3 == 2:
            raise OSError("gone")
        return Throwing(threading.Event())

    source = LiveSource("camera", opening, backoff=(0.005, 0.01))
    seen = watch(source, lambda _: source.reconnects >= 3)
    source.close()
    assert len(seen) >= 4


def test_pauses_grow_while_a_device_is_lost_at_once_again() -> None:
    opened_at: list[float] = []

    class Brief(Hanging):
        def read(self) -> Picture:
            if not self._left:
                raise LostError("it ended")
            return super().read()

    def opening() -> Brief:
        opened_at.append(time.monotonic())
        return Brief(threading.Event(), 1)

    source = LiveSource("camera", opening, backoff=(0.02, 0.16))
    watch(source, lambda _: len(opened_at) >= 6)
    source.close()
    pauses = np.diff(opened_at)
    assert all(pause >= wanted for pause, wanted in zip(pauses, (0.02, 0.04, 0.08, 0.16, 0.16), strict=False))


def test_a_process_ends_while_its_stream_is_stalled() -> None:
    with http_camera() as camera:
        program = (
            "import sys\nfrom edge.sources import SourceOptions, open_source\n"
            "source = open_source(sys.argv[1], SourceOptions(stall_timeout=60))\n"
            "count = 0\n"
            "for frame in source.frames():\n"
            "    count += frame is not None\n"
            "    if count == 3: print('three', flush=True)\n"
            "    if count >= 3 and frame is None: break\n"
            "source.close()\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, camera.url], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"three\n"
        camera.mood = "stalls"
        _, errors = process.communicate(timeout=40)
    assert process.returncode == 0
    assert errors == b""
