"""systemd's own tools read the units of updates; the script that takes an update back is run by a real shell."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "firmware_configs"
UNITS = ("edge-update.service", "edge-update.timer", "edge-rollback.service")

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def copied(folder: Path) -> list[Path]:
    """Copy the units with a program that exists here, since verify looks for it."""
    for name in UNITS:
        text = re.sub(r"^ExecStart=/opt\S+", f"ExecStart={sys.executable}", (FOLDER / name).read_text(), flags=re.M)
        (folder / name).write_text(text)
    return [folder / name for name in UNITS]


@needs_analyze
def test_the_units_have_no_remark(tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", *copied(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@needs_analyze
@pytest.mark.parametrize(("name", "most"), [("edge-update.service", 30), ("edge-rollback.service", 20)])
def test_exposure(tmp_path: Path, name: str, most: int) -> None:
    copied(tmp_path)
    done = analyze("security", "--offline=yes", f"--threshold={most}", "--no-pager", tmp_path / name)
    assert done.returncode == 0, done.stdout


def test_the_programs_of_the_units_exist() -> None:
    for name in ("edge-update.service", "edge-rollback.service"):
        for words in re.findall(
            r"(?:edge-device|\"\$\$program\") (update \w+(?: --\w+)?)", (FOLDER / name).read_text()
        ):
            program = "from devices.cli import main; main()"
            command = [sys.executable, "-c", program, *words.split(), "--help"]
            assert subprocess.run(command, capture_output=True, cwd=ROOT, check=False).returncode == 0, words


@pytest.mark.parametrize(
    ("previous", "current", "ran"),
    [
        ("exit 0", "exit 0", ["previous"]),
        ("exit 1", "exit 0", ["previous", "current"]),
        (None, "exit 0", ["current"]),
        ("exit 1", "exit 1", ["previous", "current"]),
    ],
)
def test_the_old_version_takes_back_and_the_new_one_where_it_cannot(
    tmp_path: Path, previous: str | None, current: str, ran: list[str]
) -> None:
    line = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", (FOLDER / "edge-rollback.service").read_text(), flags=re.M)
    assert line
    for tree, does in (("previous", previous), ("current", current)):
        if does is not None:
            program = tmp_path / tree / "bin" / "edge-device"
            program.parent.mkdir(parents=True)
            program.write_text(f'#!/bin/sh\necho {tree} "$@" >> {tmp_path}/ran\n{does}\n')
            program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", line[1].replace("$$", "$").replace("/opt/emot-edge", str(tmp_path))], check=False
    )
    assert (tmp_path / "ran").read_text().splitlines() == [f"{tree} update recover" for tree in ran]
    assert (done.returncode == 0) == ("exit 0" in (previous, current))
