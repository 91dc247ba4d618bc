"""The power goes at every file operation of an update in turn: the old version or the new one is there, whole."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.updates


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where flushing takes no time; on a disk it all takes minutes."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    ("kind", "scenarios"),
    [
        ("model", {"taken": {"1.1", "1.2"}, "taken back": {"1.1", "1.2"}, "third boot": {"1.1", "1.2"}}),
        ("software", {"taken": {"1.1", "1.2"}, "third boot": {"1.1", "1.2"}}),
    ],
)
def test_the_power_goes_at_every_operation(memory: Path, kind: str, scenarios: dict[str, set[str]]) -> None:
    program = [sys.executable, "-m", "tests.devices.power_cuts", kind, str(memory)]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, timeout=240)
    assert done.returncode == 0, done.stderr
    reports = {report["scenario"]: report for report in map(json.loads, done.stdout.splitlines())}
    assert scenarios.keys() <= reports.keys()
    for name, report in reports.items():
        assert report["faults"] == [], name
        assert report["cuts"] >= 20, f"{name}: the cuts must fall between the operations"
        assert scenarios.get(name, {"1.0", "1.1"}) == set(report["seen"]), (
            f"{name}: cuts before the switch and after it"
        )
