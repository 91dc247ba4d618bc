"""Fragments of config.txt: every line is one that the firmware knows, in the place where it works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devices.checks.camera import _detects_cameras
from devices.profile import names

FOLDER = Path(__file__).parents[2] / "firmware_configs" / "boot"
FRAGMENTS = sorted(FOLDER.glob("*.txt"))

#: Keys and the values they take: https://www.raspberrypi.com/documentation/computers/config_txt.html
#: (common.adoc: camera_auto_detect, display_auto_detect, arm_boost; overclocking.adoc: temp_soft_limit).
KEYS = {
    "camera_auto_detect": "[01]",
    "display_auto_detect": "[01]",
    "arm_boost": "[01]",
    "temp_soft_limit": "6[0-9]|70",
}
#: Overlays and their parameters: arch/arm/boot/dts/overlays/README in github.com/raspberrypi/linux, commit 00322b31.
OVERLAYS: dict[str, set[str]] = {
    "disable-bt": set(),
    "imx708": {"cam0"},
    "vc4-kms-v3d": {"nohdmi", "cma-128"},
}
#: Parameters of the base: the same file, "<The base DTB>". Some exist on a Raspberry Pi 5 alone.
PARAMETERS = {
    "audio": "on|off",
    "watchdog": "on|off",
    "rtc_bbat_vchg": "3000000",
    "fan_temp0": "[0-9]{5}",
    "fan_temp1": "[0-9]{5}",
}
PI_5_ONLY = {"rtc_bbat_vchg", "fan_temp0", "fan_temp1", "cam0"}
#: Filters (conditional.adoc) and the profile of the board that each admits.
FILTERS = {
    "pi5": "raspberry-pi-5",
    "pi4": "raspberry-pi-4",
    "pi3+": "raspberry-pi-3b-plus",
    "pi02": "raspberry-pi-zero-2w",
}
#: Past this, the firmware reads no further (what_is_config_txt.adoc).
LONGEST = 98


def settings(text: str, *, optional: bool) -> list[str]:
    """Every line that says something; with ``optional`` those as well that a # without a space takes out."""
    lines = [line for line in text.splitlines() if line and not line.startswith(("# ", "["))]
    return [line.removeprefix("#") for line in lines if optional or not line.startswith("#")]


@pytest.fixture(params=FRAGMENTS, ids=lambda path: path.stem)
def fragment(request: pytest.FixtureRequest) -> Path:
    path = request.param
    assert isinstance(path, Path)
    return path


def test_there_is_one_for_every_pi() -> None:
    pis = {name for name in names() if name.startswith("raspberry-pi-")}
    assert {path.stem for path in FRAGMENTS} == pis == set(FILTERS.values())


def test_lines_are_known(fragment: Path) -> None:
    text = fragment.read_text(encoding="ascii")
    assert max(map(len, text.splitlines())) <= LONGEST
    here = settings(text, optional=True)
    assert len(here) > 5
    named = set()
    for line in here:
        key, separator, value = line.partition("=")
        assert separator and line == line.strip(), line
        if key == "dtoverlay":
            overlay, *parameters = value.split(",")
            assert not overlay or set(parameters) <= OVERLAYS[overlay], line
            named.update(parameters)
        elif key == "dtparam":
            for parameter in value.split(","):
                name, _, content = parameter.partition("=")
                assert re.fullmatch(PARAMETERS[name], content), line
                named.add(name)
        else:
            assert re.fullmatch(KEYS[key], value), line
            named.add(key)
    board = re.findall(r"^\[(.*)\]$", text, flags=re.MULTILINE)[0]
    assert (board == "pi5") or not named & PI_5_ONLY
    assert (board == "pi4") or "arm_boost" not in named  # the documentation: later Pi 4 and Pi 400
    assert (board == "pi3+") or "temp_soft_limit" not in named  # the documentation: 3A+ and 3B+ only


def test_it_holds_for_one_board_and_leaves_no_filter_behind(fragment: Path) -> None:
    text = fragment.read_text()
    filters = re.findall(r"^\[(.*)\]$", text, flags=re.MULTILINE)
    assert len(filters) == 2
    assert FILTERS[filters[0]] == fragment.stem
    assert filters[1] == "all"
    assert not settings(text.partition("[")[0], optional=True)
    assert not settings(text.rpartition("[all]")[2], optional=True)


def test_nothing_stands_twice(fragment: Path) -> None:
    here = settings(fragment.read_text(), optional=False)
    assert len(set(here)) == len(here)
    keys = [line.partition("=")[0] for line in here if not line.startswith(("dtoverlay=", "dtparam="))]
    assert len(set(keys)) == len(keys)


def test_parameters_of_the_base_are_not_taken_for_an_overlay_s(fragment: Path) -> None:
    """An overlay's parameters count until the next overlay; vc4-kms-v3d in the file before has one called audio."""
    here = [line for line in settings(fragment.read_text(), optional=True) if line.startswith("dt")]
    assert here[0] == "dtoverlay="
    overlays = [number for number, line in enumerate(here) if line.startswith("dtoverlay=") and number]
    parameters = [number for number, line in enumerate(here) if line.startswith("dtparam=")]
    assert parameters and max(parameters) < min(overlays)


def test_appended_and_taken_away_again(fragment: Path) -> None:
    """As firmware_configs/README.md says it: sed takes out what stands between the two marks."""
    stock = "camera_auto_detect=0\ndtoverlay=vc4-kms-v3d\n[cm4]\notg_mode=1\n[all]\n"
    both = stock + fragment.read_text()
    assert _detects_cameras(fragment.read_text())  # edge-device doctor is content
    assert re.sub(r"(?ms)^# >>> edge-run\n.*?^# <<< edge-run\n", "", both) == stock
    commands = (FOLDER.parent / "README.md").read_text()
    assert "sed -i '/^# >>> edge-run$/,/^# <<< edge-run$/d' /boot/firmware/config.txt" in commands
