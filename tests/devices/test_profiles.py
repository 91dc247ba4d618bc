"""Profiles: every packaged one fits the options of edge-run, mistakes are named, and devices find theirs."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from devices import profile as profiles
from devices.choosing import attachment_of, choose, listing
from devices.probe import probe
from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL
from edge.settings.reading import effective
from tests.devices import machines

NAMES = profiles.names()


def test_the_devices_that_are_promised() -> None:
    assert set(NAMES) >= {
        "raspberry-pi-5",
        "raspberry-pi-4",
        "raspberry-pi-3b-plus",
        "raspberry-pi-zero-2w",
        "laptop-x86-64",
        "generic-aarch64",
    }


@pytest.mark.parametrize("name", NAMES)
def test_edge_run_takes_what_is_printed(name: str, tmp_path: Path) -> None:
    profile = profiles.load(name)
    for attachment in profile.cameras:
        path = tmp_path / f"{attachment}.toml"
        path.write_text(profile.render(attachment))
        assert effective({}, {}, path).settings == profile.settings(attachment)
        assert tomllib.loads(path.read_text()) == profile.options(attachment)


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_reason(name: str) -> None:
    lines = profiles.load(name).text.splitlines()
    for before, line in itertools.pairwise(lines):
        key = line.partition(" = ")[0]
        if " = " in line and not line.startswith(('"', "#")) and key != "title":
            assert before.startswith("# "), f"{name}: {key} stands without a reason"


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_together(name: str) -> None:
    profile = profiles.load(name)
    assert (DEFAULT_MODEL / profile.kind.model_file).is_file()
    assert profile.settings().onnx is (profile.kind.engine == "onnx")
    limit, throttle = profile.settings().max_temperature, profile.kind.throttle_c
    if limit and throttle:
        assert limit < throttle, "the pipeline gives way before the hardware does"
    assert profile.settings().max_fps is not None
    for attachment in profile.cameras:
        settings = profile.settings(attachment)
        assert settings.camera_fps and settings.max_fps and settings.camera_fps >= settings.max_fps


GOOD = """[device]
title = "A board"
architecture = "aarch64"
memory_max_mb = 256
camera = "v4l2"
engine = "litert"
model_file = "model_int8.tflite"
supply = "5 V"
[run]
max_fps = 5
[webcam]
source = "0"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("memory_max_mb", "memory_max", "unknown key device.memory_max; did you mean 'memory_max_mb'?"),
        ("max_fps = 5", "max_fsp = 5", "unknown key run.max_fsp; did you mean 'max_fps'?"),
        ("[webcam]", "[webcams]", "unknown key webcams; did you mean 'webcam'?"),
        ("max_fps = 5", "max_fps = 0", "max-fps: 0 must be more than 0"),
        ('source = "0"', 'camera_size = "big"', "'big' is no size of a picture"),
        ('source = "0"', "max_fps = 6", "max_fps stands in [run] and in [webcam]"),
        ('camera = "v4l2"', 'camera = "usb"', "[device]: Invalid enum value 'usb'"),
        ('camera = "v4l2"', 'camera = "picamera"', "has no options for a ribbon camera"),
        ("[run]\nmax_fps = 5\n", "", "the tables [device] and [run] are both needed"),
        ("[run]\nmax_fps = 5", "[run]\nmax_fps = ", "is no valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "board.toml"
    path.write_text(GOOD)
    assert profiles.read(path).options() == {"max_fps": 5, "source": "0"}
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(EdgeError) as caught:
        profiles.read(path)
    assert message in str(caught.value)
    assert "board" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("machine", "name", "exact"),
    [
        (machines.raspberry_pi_5, "raspberry-pi-5", True),
        (machines.raspberry_pi_4, "raspberry-pi-4", True),
        (machines.raspberry_pi_3b_plus, "raspberry-pi-3b-plus", True),
        (machines.raspberry_pi_zero_2w, "raspberry-pi-zero-2w", True),
        (machines.laptop, "laptop-x86-64", True),
    ],
)
def test_devices_find_theirs(machine: Callable[[Path], Path], name: str, exact: bool, tmp_path: Path) -> None:
    match = probe(machine(tmp_path)).profile
    assert match is not None
    assert (match.profile, match.exact) == (name, exact)


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        ("Raspberry Pi 3 Model B Rev 1.2", "raspberry-pi-3b-plus", "1.2 GHz at all times"),
        ("Raspberry Pi 3 Model A Plus Rev 1.0", "raspberry-pi-zero-2w", "the same 512 MB"),
        ("Raspberry Pi 400 Rev 1.0", "raspberry-pi-4", "Raspberry Pi 4"),
        ("Raspberry Pi 500 Rev 1.0", "raspberry-pi-5", "Raspberry Pi 5"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "raspberry-pi-4", "Compute Module 4"),
        ("Radxa ROCK 5B", "generic-aarch64", "no profile was made for this model"),
        ("Raspberry Pi 6 Model B", "generic-aarch64", "no profile was made for this model"),
    ],
)
def test_other_boards_come_near(model: str, name: str, words: str, tmp_path: Path) -> None:
    root = machines.write(machines.raspberry_pi_4(tmp_path), {"proc/device-tree/model": f"{model}\0"})
    match = probe(root).profile
    assert match is not None
    assert match.profile == name
    assert words in match.why


def test_a_tower_is_no_laptop_and_a_riddle_is_nothing(tmp_path: Path) -> None:
    root = machines.write(machines.laptop(tmp_path), {"sys/class/dmi/id/chassis_type": "3\n"})
    tower = probe(root).profile
    assert tower is not None and tower.profile == "generic-x86-64"
    (root / "proc/cpuinfo").write_text("hart\t: 0\nisa\t: rv64imafdc\n")
    assert probe(root).profile is None


def test_the_camera_that_is_there_decides(tmp_path: Path) -> None:
    five, four = machines.raspberry_pi_5(tmp_path / "5"), machines.raspberry_pi_4(tmp_path / "4")
    for root, source in ((five, "picamera"), (four, "0")):
        chosen, cameras = choose("this", root)
        assert chosen.options(attachment_of(chosen, "", cameras))["source"] == source
    # Asked for, it is what was asked for.
    chosen, cameras = choose("this", four)
    assert chosen.options(attachment_of(chosen, "ribbon", cameras))["source"] == "picamera"
    assert "raspberry-pi-4        Raspberry Pi 4  <- this machine" in listing(root=four)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from devices.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_the_command(tmp_path: Path) -> None:
    listed = command("profile")
    assert listed.returncode == 0, listed.stderr
    assert all(name in listed.stdout for name in NAMES)
    out = tmp_path / "edge-run.toml"
    written = command("profile", "raspberry-pi-4", "--camera", "webcam", "--out", str(out))
    assert written.returncode == 0, written.stderr
    assert effective({}, {}, out).settings.camera_format == "YUYV"
    assert [path.name for path in tmp_path.iterdir()] == ["edge-run.toml"]
    found = json.loads(command("profile", "raspberry-pi-5", "--json").stdout)
    assert found["run"]["source"] == "picamera"
    assert found["device"]["throttle_c"] == 80.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("raspbery-pi-5",), "did you mean 'raspberry-pi-5'?"),
        (("raspberry-pi-5", "--camera", "usb"), "'usb' is none of ribbon, webcam"),
        (("laptop-x86-64", "--camera", "ribbon"), "has no options for a ribbon camera"),
    ],
)
def test_mistakes_at_the_command_line(arguments: tuple[str, ...], message: str) -> None:
    done = command("profile", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
