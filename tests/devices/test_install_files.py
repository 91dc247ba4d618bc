"""What goes onto devices is read by the tools that it is meant for; status and journal are put into words."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from devices.install.software import constraints_for
from devices.journal import pick
from devices.status import Status, describe, span

FOLDER = Path(__file__).parents[2] / "firmware_configs"


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("shellcheck")
def test_the_script_has_no_remark() -> None:
    script = FOLDER / "install.sh"
    done = subprocess.run(["shellcheck", "--shell=sh", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert script.stat().st_mode & stat.S_IXUSR


def test_the_script_says_what_it_is_for_and_what_is_wrong(tmp_path: Path) -> None:
    script = FOLDER / "install.sh"
    told = subprocess.run(["sh", script, "--help"], capture_output=True, text=True)
    assert told.returncode == 0 and "sudo sh install.sh --wheels DIR" in told.stdout
    done = subprocess.run(["sh", script, "--wheels"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == "error: --wheels needs a folder\n"
    # A system without apt.
    for name in ("sh", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    done = subprocess.run(["sh", script], capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 2 and "apt-get is missing" in done.stderr


@needs("udevadm")
def test_the_rule_for_cameras() -> None:
    rules = FOLDER / "edge-run.rules"
    version = subprocess.run(["udevadm", "--version"], capture_output=True, text=True).stdout
    if int(re.match(r"\d+", version)[0]) >= 254:
        done = subprocess.run(["udevadm", "verify", rules], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    lines = [line for line in rules.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ['SUBSYSTEM=="dma_heap", GROUP="video", MODE="0660"']


@needs("systemd-analyze")
@pytest.mark.parametrize("networked", [False, True])
def test_the_unit_with_its_drop_ins(networked: bool, tmp_path: Path) -> None:
    from devices.install.manifest import Choices
    from devices.install.options import drop_ins
    from devices.profile import load

    text = (FOLDER / "edge-run.service").read_text()
    unit = tmp_path / "edge-run.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.M))
    (tmp_path / "edge-run.service.d").mkdir()
    choices = Choices("raspberry-pi-zero-2w", "ribbon", "", ("web",) if networked else ())
    for name, data in drop_ins(load("raspberry-pi-zero-2w"), choices).items():
        (tmp_path / "edge-run.service.d" / name).write_bytes(data)
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert verified.stderr == ""
    rating = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", unit]
    done = subprocess.run(rating, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_first_boot_files(tmp_path: Path) -> None:
    custom = tomllib.loads((FOLDER / "first-boot/custom.toml").read_text())
    # The sections and keys that raspberrypi-sys-mods' init_config knows; it warns of others and goes on.
    known = {
        "system": {"hostname"},
        "user": {"name", "password", "password_encrypted"},
        "ssh": {"enabled", "password_authentication", "authorized_keys", "ssh_import_id"},
        "wlan": {"ssid", "password", "password_encrypted", "hidden", "country"},
        "locale": {"keymap", "timezone"},
    }
    assert custom.pop("config_version") == 1
    for section, keys in custom.items():
        assert set(keys) <= known[section], section


@needs("cloud-init")
def test_cloud_init_takes_the_first_boot_file(tmp_path: Path) -> None:
    command = ["cloud-init", "schema", "--config-file"]
    done = subprocess.run([*command, FOLDER / "first-boot/user-data"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "user-data"
    wrong.write_text((FOLDER / "first-boot/user-data").read_text().replace("runcmd:", "runcmd: 7\nother:"))
    assert subprocess.run([*command, wrong], capture_output=True).returncode != 0


@needs("netplan")
def test_netplan_takes_the_network_of_the_first_boot(tmp_path: Path) -> None:
    place = tmp_path / "etc/netplan/50-cloud-init.yaml"
    place.parent.mkdir(parents=True)
    place.write_bytes((FOLDER / "first-boot/network-config").read_bytes())
    place.chmod(0o600)
    done = subprocess.run(["netplan", "generate", "--root-dir", tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run/systemd/network/10-netplan-wlan0.network").is_file()


def test_numpy_stays_old_where_picamera2_needs_it(tmp_path: Path) -> None:
    packages = tmp_path / "usr/lib/python3/dist-packages"
    (packages / "picamera2").mkdir(parents=True)
    assert constraints_for(tmp_path) == []
    (packages / "numpy-1.24.2.egg-info").mkdir()
    assert "numpy<2" in constraints_for(tmp_path)


def test_the_journal_in_words() -> None:
    entries = [
        {"MESSAGE": "demo: 25 frames a second", "PRIORITY": "6", "__REALTIME_TIMESTAMP": "1764085357000000"},
        {"MESSAGE": "error: no camera", "PRIORITY": "6", "__REALTIME_TIMESTAMP": "1764085358000000"},
        {"MESSAGE": [255, 254], "PRIORITY": "3"},
        {"MESSAGE": "Main process exited", "PRIORITY": "5", "__REALTIME_TIMESTAMP": "1764085359000000"},
        {"MESSAGE": "Failed with result 'watchdog'.", "PRIORITY": "4", "__REALTIME_TIMESTAMP": "1764085359000000"},
    ]
    text = "\n".join(map(json.dumps, entries)) + "\nno json\n"
    assert [entry.text for entry in pick(text, 5)] == ["error: no camera", "Failed with result 'watchdog'."]
    assert [entry.text for entry in pick(text, 1)] == ["Failed with result 'watchdog'."]


def test_status_in_words() -> None:
    status = Status(
        service="activating",
        result="watchdog",
        since=1000.0,
        at_boot=False,
        restarts=3,
        says="0: lost 4 s ago (it ended), opening again",
        frames_per_second=None,
        faces=None,
        memory_mb=171,
        temperature_c=61.3,
        throttling=("under-voltage now",),
        disk_free_mb=22114,
        software="0.1.0",
        model="packaged",
        update="model 1.1 failed at 2026-11-25T15:00:00Z: too slow here",
        errors=None,
    )
    text = describe(status, now=1000.0 + 3 * 3600 + 60)
    assert "service      activating (watchdog) for 3 h 1 min, not started at boot" in text
    for part in (
        "lost 4 s ago",
        "3 by itself",
        "61 °C",
        "under-voltage now",
        "171 MiB",
        "too slow",
        "sudo edge-device status",
    ):
        assert part in text
    assert status.exit_code == 1
    assert [span(seconds) for seconds in (0, 59, 3600, 90061)] == ["0 s", "59 s", "1 h 0 min", "1 d 1 h"]


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this machine")
def test_without_systemd_it_is_said() -> None:
    command = [sys.executable, "-c", "from devices.cli import main; main()", "status"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER.parent)
    assert done.returncode == 2 and done.stderr.startswith("error: systemd does not run this machine")
