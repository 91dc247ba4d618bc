"""Webcams as far as that goes without one: options, names, numbers, what is asked and refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.settings import Settings
from edge.sources import SourceOptions, source_options
from edge.sources.camera import Camera, WebcamDevice, ask
from edge.sources.capture import as_bgr
from edge.sources.device import LostError
from edge.sources.v4l2 import find_again, find_node, read_nodes


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (Settings(), SourceOptions()),
        (Settings(camera_size="1280x720", camera_format="mjpg"), SourceOptions(size=(1280, 720), pixel_format="MJPG")),
        (Settings(camera_focus="0.5m"), SourceOptions(focus=0.5)),
        (Settings(camera_focus="30 cm"), SourceOptions(focus=0.3)),
        (Settings(camera_focus="Once"), SourceOptions(focus="once")),
        (
            Settings(loop=True, realtime=True, camera_fps=15, camera_rotation=90, camera_exposure=0, stall_timeout=2),
            SourceOptions(loop=True, realtime=True, fps=15, rotation=90, exposure_ms=0, stall_timeout=2),
        ),
    ],
)
def test_settings_become_options(settings: Settings, options: SourceOptions) -> None:
    assert source_options(settings) == options


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(camera_size="1280"), r"--camera-size: '1280' .* such as 1280x720"),
        (Settings(camera_size="0x720"), r"--camera-size"),
        (Settings(camera_format="MJPEG"), r"--camera-format: 'MJPEG' .* MJPG or YUYV"),
        (Settings(camera_focus="near"), r"--camera-focus: 'near' is none of auto, once, off"),
        (Settings(camera_focus="0m"), r"--camera-focus"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: Settings, says: str) -> None:
    with pytest.raises(EdgeError, match=says):
        source_options(settings)


def plug(root: Path, number: int, name: str, port: str = "", index: int = 0) -> None:
    """Lay out a camera as sysfs does."""
    entry = root / f"sys/class/video4linux/video{number}"
    entry.mkdir(parents=True)
    (entry / "name").write_text(name + "\n")
    (entry / "index").write_text(f"{index}\n")
    (root / "dev").mkdir(exist_ok=True)
    (root / f"dev/video{number}").touch()
    if port:
        place = root / f"sys/devices/usb1/{port}"
        place.mkdir(parents=True, exist_ok=True)
        (entry / "device").symlink_to(place)


def unplug(root: Path, number: int) -> None:
    entry = root / f"sys/class/video4linux/video{number}"
    for file in entry.iterdir():
        file.unlink()
    entry.rmdir()
    (root / f"dev/video{number}").unlink()


def test_cameras_are_found_by_part_of_their_name(tmp_path: Path) -> None:
    plug(tmp_path, 0, "Integrated Camera: Integrated C", "1-1")
    plug(tmp_path, 1, "Integrated Camera: Integrated C", "1-1", index=1)  # its metadata
    plug(tmp_path, 2, "HD Pro Webcam C920", "1-2")
    plug(tmp_path, 10, "HD Pro Webcam C920 (loopback)")
    nodes = read_nodes(tmp_path) or ()
    assert [node.path for node in nodes] == ["/dev/video0", "/dev/video2", "/dev/video10"]
    assert [node.bus for node in nodes] == ["usb", "usb", "other"]
    found = {name: find_node(name, nodes) for name in ("integrated", "hd pro webcam c920", "loopback", "Logitech", "")}
    assert {name: node and node.path for name, node in found.items()} == {
        "integrated": "/dev/video0",
        "hd pro webcam c920": "/dev/video2",
        "loopback": "/dev/video10",
        "Logitech": None,
        "": None,
    }
    with pytest.raises(EdgeError, match=r"several cameras: /dev/video2 \(HD Pro Webcam C920\), /dev/video10"):
        find_node("c920", nodes)


def test_a_camera_is_found_again_under_another_number(tmp_path: Path) -> None:
    plug(tmp_path, 0, "Webcam", "1-1")
    plug(tmp_path, 2, "Webcam", "1-2")
    seen = {node.path: node for node in read_nodes(tmp_path) or ()}["/dev/video2"]
    unplug(tmp_path, 2)
    alone = find_again(seen, read_nodes(tmp_path) or ())
    assert alone is not None  # one camera of that model is left: it may be this one, in another port
    unplug(tmp_path, 0)
    assert find_again(seen, read_nodes(tmp_path) or ()) is None
    plug(tmp_path, 3, "Webcam", "1-1")
    plug(tmp_path, 4, "Webcam", "1-2")
    again = find_again(seen, read_nodes(tmp_path) or ())
    assert again is not None
    assert again.path == "/dev/video4"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cameras are listed by sysfs")
def test_cameras_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    plug(tmp_path, 0, "unicam-image")
    plug(tmp_path, 1, "Webcam", "1-1")
    by_id = tmp_path / "dev/v4l/by-id"
    by_id.mkdir(parents=True)
    (by_id / "usb-Webcam-index0").symlink_to("../../video1")
    assert Camera("/dev/v4l/by-id/usb-Webcam-index0", SourceOptions(), tmp_path).find() == "/dev/video1"
    assert Camera("webcam", SourceOptions(), tmp_path).find() == "/dev/video1"
    for text, says in (
        ("0", "ribbon cable; read it with --source picamera"),
        ("7", r"/dev/video7 is not there; here: /dev/video0 \(unicam-image\), /dev/video1 \(Webcam\)"),
        ("logitech", "no camera of that name; here: "),
        ("1", "in use by another program, or not a camera"),
    ):
        with pytest.raises(EdgeError, match=says):
            Camera(text, SourceOptions(), tmp_path)()
    if os.geteuid():  # root may everything
        (tmp_path / "dev/video1").chmod(0)
        with pytest.raises(EdgeError, match="usermod -aG video"):
            Camera("1", SourceOptions(), tmp_path)()


def test_what_a_camera_does_not_grant_is_noted(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(2):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    capture = cv2.VideoCapture(str(tmp_path / "v.avi"))  # a real capture that grants nothing
    asked = SourceOptions(size=(1280, 720), fps=30, pixel_format="YUYV", focus="auto", exposure_ms=10)
    assert ask(capture, asked) == (
        "the camera gives MJPG instead of YUYV",
        "the camera gives 64x48 instead of 1280x720",
        "the camera gives 10 instead of 30 frames a second",
        "the camera has no autofocus",
        "the camera's exposure can't be set to 10 ms",
    )
    device = WebcamDevice(capture, SourceOptions(fps=30, rotation=270))
    assert (device.fps, len(device.notes)) == (10, 1)
    assert [device.read().image.shape for _ in range(2)] == [(64, 48, 3)] * 2
    with pytest.raises(LostError, match="it ended"):
        device.read()
    granted = SourceOptions(size=(64, 48), fps=10, pixel_format="MJPG", focus="off")
    assert ask(capture, granted) == ()
    assert "knows no distances" in ask(capture, SourceOptions(focus=0.5))[0]


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (np.full((4, 6), 90, np.uint8), 90),
        (np.full((4, 6, 1), 90, np.uint8), 90),
        (np.full((4, 6), 90 * 256 + 255, np.uint16), 90),
        (np.full((4, 6, 3), 90, np.uint8), 90),
        (np.full((4, 6, 4), 90, np.uint8), 90),
    ],
)
def test_whatever_a_camera_gives_becomes_bgr(image: np.ndarray, value: int) -> None:
    picture = as_bgr(image)
    assert (picture.shape, picture.dtype) == ((4, 6, 3), np.uint8)
    assert (picture == value).all()
