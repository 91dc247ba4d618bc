"""The Picamera2 source against a fake with Picamera2's signatures and strictness; see ``fake_picamera2``."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from edge.errors import EdgeError, NotInstalledError
from edge.sources import Source, SourceOptions, open_source
from edge.sources.live import LiveSource
from edge.sources.picamera import PicameraDevice, picamera_opening
from edge.types import Frame
from tests.edge.fake_picamera2 import IMX219, Picamera2, Platform, Plugged, board

# What the fake exposes, by corner of the upright picture: blue is left, red is below.
PATTERN = {"top left": (200, 0), "top right": (0, 0), "bottom left": (200, 200), "bottom right": (0, 200)}


def frames(source: Source, count: int, seconds: float = 20) -> Iterator[Frame]:
    deadline = time.monotonic() + seconds
    for frame in source.frames():
        assert time.monotonic() < deadline, f"no more frames: {source.state}"
        if frame is not None:
            yield frame
            count -= 1
        if not count:
            return


def corners(image: np.ndarray) -> dict[str, tuple[int, int]]:
    """Blue and red near each corner, rounded to what the fake paints."""
    h, w = image.shape[:2]
    places = {"top left": (4, 4), "top right": (4, w - 5), "bottom left": (h - 5, 4), "bottom right": (h - 5, w - 5)}
    return {name: tuple(200 * (int(image[y, x, c]) > 100) for c in (0, 2)) for name, (y, x) in places.items()}


@pytest.mark.parametrize("platform", Platform)
def test_a_picture_to_crop_from_and_a_small_one_to_search_in(
    monkeypatch: pytest.MonkeyPatch, platform: Platform
) -> None:
    camera = Plugged()
    with board(monkeypatch, camera, platform=platform):
        source = open_source("picamera")
        seen = list(frames(source, 10))
        assert (source.name, source.live, source.notes, source.state) == ("picamera", True, (), "ok")
        assert source.fps == pytest.approx(30, abs=0.01)
        source.close()
    assert camera.shown == [False]  # no preview, and an event loop all the same
    assert camera.config["queue"] is False
    for frame in seen:
        assert frame.image.shape == (720, 1280, 3)
        assert frame.lores is not None
        assert frame.lores.shape == (360, 640, 3)
        assert corners(frame.image) == corners(frame.lores) == PATTERN
        assert frame.lores.flags.c_contiguous
        assert abs(int(frame.image[4, 4, 1]) - int(frame.lores[4, 4, 1])) < 6  # the same moment in both
    assert [frame.index for frame in seen] == sorted({frame.index for frame in seen})
    ages = [time.time() - frame.time - (time.perf_counter() - frame.captured) for frame in seen]
    assert all(0.015 < age < 0.5 for age in ages)  # the time of the exposure, which the fake puts 20 ms back


def test_a_frame_that_is_held_does_not_change_while_its_buffer_is_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with board(monkeypatch, Plugged()):
        source = open_source("picamera")
        held = [(frame, frame.image.copy()) for frame in frames(source, 30)]  # many times the buffers there are
        source.close()
    assert all((frame.image == copy).all() for frame, copy in held)
    assert len({int(copy[4, 4, 1]) for _, copy in held}) == 30


@pytest.mark.parametrize(
    ("rotation", "shape", "blue"),
    [
        (0, (480, 640, 3), {"top left", "bottom left"}),
        (90, (640, 480, 3), {"top left", "top right"}),
        (180, (480, 640, 3), {"top right", "bottom right"}),
        (270, (640, 480, 3), {"bottom left", "bottom right"}),
    ],
)
def test_rotation_is_clockwise(monkeypatch: pytest.MonkeyPatch, rotation: int, shape: object, blue: set[str]) -> None:
    camera = Plugged()
    with board(monkeypatch, camera):
        device = PicameraDevice(0, SourceOptions(rotation=rotation, size=(640, 480)))
        picture = device.read()
        device.close()
    assert picture.image.shape == shape
    assert picture.lores is None  # the picture is small enough to search in
    assert {name for name, (value, _) in corners(picture.image).items() if value} == blue


def test_both_streams_are_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    with board(monkeypatch, Plugged(sensor=(3280, 2464))):
        device = PicameraDevice(0, SourceOptions(rotation=90))
        picture = device.read()
        device.close()
    assert picture.image.shape == (1280, 962, 3)  # the sensor's own shape
    assert picture.lores is not None
    assert picture.lores.shape == (640, 480, 3)
    assert corners(picture.image) == corners(picture.lores)


@pytest.mark.parametrize(
    ("options", "controls", "notes"),
    [
        (SourceOptions(focus="auto"), {"AfMode": 2}, ()),
        (SourceOptions(focus="once"), {"AfMode": 1, "AfTrigger": 0}, ()),
        (SourceOptions(focus="off"), {"AfMode": 0}, ()),
        (SourceOptions(focus=0.5), {"AfMode": 0, "LensPosition": 2.0}, ()),
        (SourceOptions(focus=0.02), {"LensPosition": 15.0}, ("focuses at 0.067 m instead of 0.02",)),
        (SourceOptions(fps=20), {"FrameDurationLimits": (50000, 50000)}, ()),
        (SourceOptions(fps=100), {"FrameDurationLimits": (10000, 10000)}, ("gives 56.03 instead of 100",)),
        (SourceOptions(exposure_ms=8), {"ExposureTime": 8000, "FrameDurationLimits": (33333, 33333)}, ()),
        (SourceOptions(exposure_ms=100), {"ExposureTime": 100000, "FrameDurationLimits": (100000, 100000)}, ()),
        (SourceOptions(exposure_ms=0.01), {"ExposureTime": 10}, ("exposes for 0.026 ms instead of 0.01",)),
        (SourceOptions(exposure_ms=0), {"AeEnable": True}, ()),
        (SourceOptions(pixel_format="MJPG"), {}, ("--camera-format is for webcams",)),
    ],
)
def test_what_is_asked_reaches_the_camera_and_what_it_refuses_is_said(
    monkeypatch: pytest.MonkeyPatch, options: SourceOptions, controls: dict[str, object], notes: tuple[str, ...]
) -> None:
    camera = Plugged()
    with board(monkeypatch, camera):
        device = PicameraDevice(0, options)
        device.close()
    assert {name: camera.set.get(name) for name in controls} == controls
    assert len(device.notes) == len(notes)
    assert all(part in note for part, note in zip(notes, device.notes, strict=True))


def test_a_camera_without_autofocus_is_only_told_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Plugged("imx219", IMX219, (3280, 2464))
    with board(monkeypatch, camera):
        device = PicameraDevice(0, SourceOptions(focus="auto"))
        device.close()
    assert device.notes == ("the camera's focus is fixed",)
    assert not {"AfMode", "LensPosition"} & camera.set.keys()


def test_a_camera_that_stalls_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Plugged()
    with board(monkeypatch, camera):
        options = SourceOptions(stall_timeout=0.2)
        source = LiveSource("picamera", picamera_opening(0, options), options, backoff=(0.05, 0.1))
        list(frames(source, 5))
        camera.wedged = True
        states = set()
        for _ in source.frames():
            states.add(source.state)
            if camera.opened >= 3:
                break
        camera.wedged = False
        before = source.captured
        list(frames(source, 12))  # more than there are buffers: none was lost to a request nobody took
        assert any("(no picture for 0 s), opening again" in state for state in states)
        assert source.reconnects == 1
        assert source.captured > before
        assert source.state == "ok"
        source.close()


def test_errors_name_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with board(monkeypatch), pytest.raises(EdgeError, match=r"no camera is attached; check the ribbon cable"):
        open_source("picamera")
    camera = Plugged()
    with board(monkeypatch, camera):
        with pytest.raises(EdgeError, match=r"'picamera:1': there is no such camera; here: 0 imx708;"):
            open_source("picamera:1")
        other = Picamera2()
        with pytest.raises(EdgeError, match=r"'picamera': in use by another program"):
            open_source("picamera")
        other.close()
        camera.usb = True
        with pytest.raises(EdgeError, match=r"USB camera; read it with --source /dev/videoN"):
            open_source("picamera")


def test_the_second_camera_is_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Plugged(), Plugged("imx219", IMX219, (3280, 2464))
    with board(monkeypatch, first, second):
        source = open_source("picamera:1")
        assert next(frames(source, 1)).image.shape[0] == 962
        source.close()
    assert (first.opened, second.opened) == (0, 1)


def test_a_patient_source_waits_for_its_camera_but_not_for_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    options = SourceOptions(patient=True)
    with board(monkeypatch):
        source = LiveSource("picamera", picamera_opening(0, options), options, backoff=(0.02, 0.02))
        assert source.state.startswith("not there for ")
        assert "s (no camera is attached), opening again" in source.state
        camera = Plugged()
        Picamera2.board.append(camera)
        assert len(list(frames(source, 3))) == 3
        assert (source.state, source.reconnects) == ("ok", 0)
        source.close()
    monkeypatch.setitem(__import__("sys").modules, "picamera2", None)
    with pytest.raises(NotInstalledError, match=r"sudo apt install python3-picamera2.*--system-site-packages"):
        open_source("picamera", options)
