"""systemd's own tools read what is copied onto a device."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "firmware_configs"
UNIT = FOLDER / "edge-run.service"

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def systemd_version() -> int:
    match = re.search(r"systemd (\d+)", analyze("--version").stdout)
    assert match
    return int(match[1])


def installed_at(folder: Path, *, replace: tuple[str, str] = ("", "")) -> Path:
    """Copy the unit with a program that exists here, since verify looks for it; optionally change one text."""
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.MULTILINE)
    assert replace[0] in text
    copy = folder / UNIT.name
    copy.write_text(text.replace(*replace) if replace[0] else text)
    return copy


@needs_analyze
def test_the_unit_has_no_remark(tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", installed_at(tmp_path))
    assert done.stderr == ""  # it exits 0 on unknown keys and bad values alike


@needs_analyze
@pytest.mark.parametrize(
    ("wrong", "remark"),
    [
        (("MemoryMax=512M", "MemoryMax=lots"), "memory limit 'lots'"),
        (("RestrictRealtime=", "RestrictRealTimes="), "RestrictRealTimes"),
        (("--no-window", "--no-window\nUser=two words"), "two words"),
    ],
)
def test_verify_would_have_seen_a_mistake(tmp_path: Path, wrong: tuple[str, str], remark: str) -> None:
    assert remark in analyze("verify", "--man=no", installed_at(tmp_path, replace=wrong)).stderr


@needs_analyze
def test_the_backoff_drop_in(tmp_path: Path) -> None:
    unit = installed_at(tmp_path)
    shutil.copytree(FOLDER / "edge-run.service.d", tmp_path / "edge-run.service.d")
    remarks = analyze("verify", "--man=no", unit).stderr.splitlines()
    if systemd_version() >= 254:
        assert remarks == []
    else:
        assert len(remarks) == 2
        for remark, key in zip(remarks, ("RestartSteps", "RestartMaxDelaySec"), strict=True):
            assert "Unknown key" in remark and f"'{key}'" in remark


@needs_analyze
def test_exposure(tmp_path: Path) -> None:
    unit = installed_at(tmp_path)
    done = analyze("security", "--offline=yes", "--threshold=40", "--no-pager", unit)
    assert done.returncode == 0, done.stdout
    # The threshold is a real one: the same program without any of it fails.
    bare = tmp_path / "bare.service"
    bare.write_text(f"[Service]\nExecStart={sys.executable}\n")
    assert analyze("security", "--offline=yes", "--threshold=40", "--no-pager", bare).returncode != 0


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_the_account(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    program = ["systemd-sysusers", f"--root={tmp_path}", FOLDER / "edge-run.sysusers.conf"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if "Permission denied" in done.stderr or "not permitted" in done.stderr:
        pytest.skip("systemd-sysusers needs root here")
    assert done.returncode == 0, done.stderr
    fields = (tmp_path / "etc/passwd").read_text().strip().split(":")
    assert fields[0] == "edge-run"
    assert fields[6].endswith("nologin")


def test_nothing_leaves_the_device() -> None:
    lines = UNIT.read_text().splitlines()
    for line in ("PrivateNetwork=yes", "IPAddressDeny=any", "RestrictAddressFamilies=AF_UNIX"):
        assert line in lines


def test_edge_run_knows_the_options_of_the_unit() -> None:
    pytest.importorskip("edge.cli", reason="edge-run is not there yet")
    command = re.search(r"^ExecStart=\S+/edge-run (.*)$", UNIT.read_text(), flags=re.MULTILINE)
    assert command
    code = "from edge.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    for option in re.findall(r"--[a-z-]+", command[1]):
        assert option in done.stdout, option
