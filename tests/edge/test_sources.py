from __future__ import annotations

import itertools
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.sources import SourceOptions, open_source
from edge.sources.files import VideoSource


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
    assert (source.captured, source.dropped, source.live, source.state) == (30, 0, False, "ok")
    assert [f.captured for f in frames] == sorted(f.captured for f in frames)
    assert frames[0].captured > 0
    assert abs(float(frames[5].image.mean()) - 10) < 3  # a frame that is kept stays as it was


@pytest.mark.parametrize("loop", [False, True])
def test_a_video_that_breaks_off_says_so_after_its_last_frame(tmp_path: Path, loop: bool) -> None:
    whole = tmp_path / "whole.avi"
    write_video(whole, 60)
    broken = tmp_path / "broken.avi"
    data = bytearray(whole.read_bytes())
    # Wreck the second half of the pictures and leave header and index alone, as a bad copy does.
    middle = len(data) // 2
    data[middle : len(data) - 2000] = bytes(len(data) - 2000 - middle)
    broken.write_bytes(bytes(data))
    source = VideoSource(broken, SourceOptions(loop=loop))
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
    assert [frame.time for frame in frames] == [0, 1, 2]


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_a_loop_goes_on_counting(tmp_path: Path, kind: str) -> None:
    if kind == "video":
        write_video(tmp_path / "v.avi", 10)
        path, rate = tmp_path / "v.avi", 10
    else:
        for number in range(10):
            cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((48, 64, 3), 2 * number, np.uint8))
        path, rate = tmp_path, 1
    source = open_source(str(path), SourceOptions(loop=True))
    frames = [frame for frame in itertools.islice(source.frames(), 35) if frame]
    source.close()
    assert [frame.index for frame in frames] == list(range(35))
    assert [frame.time for frame in frames] == pytest.approx([index / rate for index in range(35)])
    assert all(abs(float(frame.image.mean()) - 2 * (frame.index % 10)) < 3 for frame in frames)
    assert (source.captured, source.dropped) == (35, 0)


def test_a_loop_ends_when_its_file_goes(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", 3)
    source = open_source(str(tmp_path / "v.avi"), SourceOptions(loop=True))
    with pytest.raises(EdgeError, match=r"v\.avi"):
        for frame in source.frames():
            if frame and frame.index == 4:
                (tmp_path / "v.avi").unlink()


def test_real_time_drops_what_comes_too_late_and_nothing_else() -> None:
    source = open_source("demo", SourceOptions(realtime=True))
    assert source.live
    began = time.perf_counter()
    seen = []
    for frame in source.frames():
        if frame is None:
            continue
        seen.append(frame)
        if len(seen) < 5:
            time.sleep(0.15)  # four frames of the demo's
        if len(seen) == 15:
            break
    elapsed = time.perf_counter() - began
    source.close()
    assert seen[-1].index / 25 <= elapsed  # never ahead of its time
    assert source.dropped >= 4
    assert source.dropped == seen[-1].index + 1 - len(seen)
    assert source.captured == seen[-1].index + 1
    assert all(frame.time == frame.index / 25 for frame in seen)


def test_real_time_goes_on_where_it_stood_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source("demo", SourceOptions(realtime=True))
    frames = (frame for frame in source.frames() if frame)
    first = next(frames)
    now = time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: now() + 600)  # the machine slept for ten minutes
    second = next(frames)
    assert (first.index, second.index, source.dropped) == (0, 1, 0)


def test_closing_ends_a_wait(tmp_path: Path) -> None:
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((8, 8, 3), np.uint8))
    source = open_source(str(tmp_path), SourceOptions(realtime=True))
    seen = []
    for frame in source.frames():
        seen.append(frame)
        if frame is None:
            source.close()
    assert [frame.index for frame in seen if frame] == [0]  # the second picture's second had not come


def test_what_only_a_camera_does_is_said(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", 1)
    options = SourceOptions(size=(640, 480), exposure_ms=0, loop=True)
    assert open_source("demo").notes == ()
    assert open_source(str(tmp_path / "v.avi"), options).notes == (
        "--camera-size, --camera-exposure: for cameras only; this is played as it is",
    )


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
