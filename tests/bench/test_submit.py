"""edge-bench submit: what is refused, what is removed, and what is left."""

from __future__ import annotations

import getpass
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.effort import NORMAL
from bench.environment import State
from bench.recording import Recording, slug
from bench.result import Result, Row, Timing, Value, read_result, write_result
from bench.state import Busy

ROOT = Path(__file__).parents[2]
TIMING = Timing(count=2, seconds=1, p50_ms=1, p90_ms=1, p99_ms=None, per_second=2, blocks=(1.0, 1.1), lows=(1.0, 1.0))
KEY = "mobilenet_v2/model_int8.tflite/1 thread"


@pytest.fixture
def measured() -> Result:
    inputs = f"12 faces of /home/somebody/faces, drawn on {socket.gethostname()}"
    settings: dict[str, Value] = {"file": "model_int8.tflite", "model": "mobilenet_v2"}
    with Recording("formats", NORMAL, inputs) as recording:
        recording.rows.append(Row(key=KEY, settings=settings, timing=TIMING))
        reason = r"C:\Users\Erika Muster\model.onnx is damaged; ask me@example.org, serial: 10000000abcdef01"
        recording.rows.append(Row(key="mobilenet_v2/model.onnx/1 thread", status="failed", reason=reason))
    found = recording.result()
    busy = State(load=1.0, temperatures_c={"cpu": 50.0}, throttling=(), background=(Busy("secret-app", 0.5),))
    preloaded = {"LD_PRELOAD": "/opt/mine.so"}
    environment = msgspec.structs.replace(found.environment, variables=preloaded, device="Board X1")
    remark = "other work kept 0.5 of 4 cores busy during the run (secret-app): latencies are too high"
    return msgspec.structs.replace(
        found,
        device="board-x1",
        environment=environment,
        before=msgspec.structs.replace(busy, uptime_s=1000.0),
        after=msgspec.structs.replace(busy, uptime_s=1060.0),
        remarks=(remark,),
    )


def submit(folder: Path, result: Result, *arguments: str) -> subprocess.CompletedProcess[str]:
    write_result(result, folder / "mine.json")
    return subprocess.run(
        [sys.executable, "-P", "-c", "from bench.cli import main; main()", "submit", "mine.json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_nothing_private_is_left_and_all_figures_are(measured: Result, tmp_path: Path) -> None:
    done = submit(tmp_path, measured)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "bench" / "results" / "board-x1").iterdir()
    assert str(path.relative_to(tmp_path)) in done.stdout
    assert len(done.stdout.splitlines()) == 4
    text = path.read_text()
    private = ["/home", "Erika", "example.org", "10000000abcdef01", "secret-app", "/opt/mine.so"]
    private += [name for name in (socket.gethostname(), getpass.getuser()) if name not in ("root", "localhost")]
    private = [rf"\b{re.escape(secret)}\b" if secret.isalnum() else re.escape(secret) for secret in private]
    for secret in private:
        assert not re.search(secret, text), secret
    ready = read_result(path)
    assert [row.key for row in ready.rows] == [row.key for row in measured.rows]
    assert ready.rows[0] == measured.rows[0]
    assert ready.environment.cpu == measured.environment.cpu
    assert ready.environment.packages == measured.environment.packages
    assert ready.environment.device == "Board X1"
    assert ready.before.background == (Busy("other", 0.5),)
    assert (ready.before.uptime_s, ready.after.uptime_s) == (0, 60)
    assert ready.remarks == ("other work kept 0.5 of 4 cores busy during the run: latencies are too high",)


def test_a_second_file_gets_a_number_and_a_device_its_name(measured: Result, tmp_path: Path) -> None:
    for _ in range(2):
        assert submit(tmp_path, measured, "--device", "Raspberry Pi 5 Model B").returncode == 0
    folder = tmp_path / "bench" / "results" / "raspberry-pi-5-model-b"
    assert sorted(path.stem[-2:] for path in folder.iterdir()) == ["-2", "ts"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "quick"}, "measure again without --quick"),
        ({"kind": "pairs"}, "nobody else can use them"),
        ({"rows": ()}, "nothing to submit"),
        ({"rows": (Row(key="a", timing=TIMING), Row(key="a", timing=TIMING))}, "two rows are called a"),
        ({"rows": (Row(key="a"),)}, "holds no timing"),
        ({"schema": 1}, "has schema 1, not 2"),
    ],
)
def test_refused(measured: Result, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    done = submit(tmp_path, msgspec.structs.replace(measured, **changes))
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "bench").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5-model-b-rev-1-0"),
        ("Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz", "intel-xeon-e5-2670-v3"),
        ("AMD Ryzen 7 5800X 8-Core Processor", "amd-ryzen-7-5800x-8-core-processor"),
        ("  ", "unknown"),
    ],
)
def test_slugs(name: str, expected: str) -> None:
    assert slug(name) == expected
