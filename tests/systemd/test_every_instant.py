"""The same as a test in tests/devices, but for each of the changes that an installation makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.devices.installation import wheels
from tests.systemd.root import PROJECT

pytestmark = pytest.mark.systemd


def test_cut_short_at_every_change(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.devices.killed", tmp_path, wheels(tmp_path / "wheels"), "1"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    *problems, last = done.stdout.splitlines()
    assert problems == []
    assert int(last.split()[0]) > 200
