from __future__ import annotations

import http.server
import itertools
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.sources import open_source
from edge.sources.files import VideoSource
from edge.sources.live import LiveSource


def write_video(path: Path, frames: int, size: tuple[int, int] = (64, 48)) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
    for index in range(frames):
        writer.write(np.full((size[1], size[0], 3), 2 * index, np.uint8))
    writer.release()


def test_the_demo_is_the_same_every_time_and_moves() -> None:
    first = [frame.image for frame in open_source("demo").frames() if frame]
    again = [frame for frame in open_source("demo").frames() if frame]
    assert len(first) == 250
    assert [f.index for f in again] == list(range(250))
    assert again[25].time == 1.0
    assert all(image.shape == (480, 640, 3) for image in first)
    assert all((a == b.image).all() for a, b in zip(first, again, strict=True))
    moved = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(first)]
    assert min(moved) > 0.1


def test_a_video_gives_every_frame_in_order(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", 30)
    source = open_source(str(tmp_path / "v.avi"))
    frames = [frame for frame in source.frames() if frame]
    source.close()
    assert [f.index for f in frames] == list(range(30))
    assert frames[15].time == pytest.approx(1.5)
    assert abs(float(frames[20].image.mean()) - 40) < 3
    assert source.dropped == 0


def test_a_video_that_breaks_off_says_so_after_its_last_frame(tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    write_video(whole, 60)
    broken = tmp_path / "broken.avi"
    data = bytearray(whole.read_bytes())
    # Wreck the second half of the pictures and leave header and index alone, as a bad copy does.
    middle = len(data) // 2
    data[middle : len(data) - 2000] = bytes(len(data) - 2000 - middle)
    broken.write_bytes(bytes(data))
    source = VideoSource(broken)
    seen = 0
    with pytest.raises(EdgeError, match=r"breaks off after \d+ of 60 frames"):
        for _ in source.frames():
            seen += 1
    assert 10 < seen < 50


def test_a_folder_gives_its_pictures_by_name(tmp_path: Path) -> None:
    for name, value in (("b.png", 20), ("a.jpg", 10), ("c.PNG", 30)):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), value, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    frames = [frame for frame in open_source(str(tmp_path)).frames() if frame]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20, 30]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (None, None, "no such file"),
        ("v.mp4", b"not a video", "not a video or picture"),
        ("p.png", b"not a picture", "not a readable picture"),
    ],
)
def test_sources_that_cannot_be_opened_are_named(tmp_path: Path, name: str | None, content: bytes, says: str) -> None:
    path = tmp_path / (name or "missing.mp4")
    if name:
        path.write_bytes(content)
    with pytest.raises(EdgeError, match=says) as caught:
        list(open_source(str(path)).frames())
    assert path.name in str(caught.value)


def test_empty_folder_missing_camera_and_dead_stream(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="no pictures"):
        open_source(str(tmp_path))
    with pytest.raises(EdgeError, match="cannot open camera '97'"):
        open_source("97")
    with pytest.raises(EdgeError, match="cannot open stream"):
        open_source("http://127.0.0.1:9/stream.mjpg")


class _Mjpeg(http.server.BaseHTTPRequestHandler):
    """A camera as many of them serve it: JPEG after JPEG in one HTTP response, 40 a connection, then it drops."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for index in range(40):
                jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 3 * index, np.uint8))[1].tobytes()
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                self.wfile.write(jpeg + b"\r\n")
                time.sleep(0.01)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, *_: object) -> None:
        pass


def test_a_stream_drops_old_frames_and_comes_back_after_a_loss() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Mjpeg)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = LiveSource("stream", f"http://127.0.0.1:{server.server_port}/stream.mjpg")
    indices = []
    deadline = time.monotonic() + 60
    try:
        for frame in source.frames():
            if frame:
                indices.append(frame.index)
                time.sleep(0.05)  # slower than the camera
            if (source.reconnects and len(indices) > 30) or time.monotonic() > deadline:
                break
    finally:
        source.close()
        server.shutdown()
    assert source.reconnects >= 1
    assert indices == sorted(set(indices))
    assert source.dropped > 0
    assert indices[-1] + 1 - len(indices) <= source.dropped  # every frame that was not seen was counted
