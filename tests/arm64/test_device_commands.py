"""The commands that an engineer runs on a Raspberry Pi, installed there from this project's wheel.

Run by ``make test-arm64`` alone; see README.md in this folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle import read_bundle
from tests.arm64.chips import CHIPS
from tests.arm64.emulator import Machine
from tests.arm64.root import PROJECT, RELEASES

# The first test of a run builds the root file system.
pytestmark = [pytest.mark.arm64, pytest.mark.timeout(1200)]

#: How far JPEG decoding, resizing and float arithmetic of another processor may move a probability or a valence.
CLOSE = 0.02
#: The same for a box, in pixels.
PIXELS = 1.0


@pytest.fixture(params=[(chip, python) for chip in CHIPS for python in RELEASES], ids="-".join)
def device(
    request: pytest.FixtureRequest, machine_for: Callable[..., Machine], project_for: Callable[[str], Path]
) -> tuple[Machine, Path]:
    """A device, and the folder where this project is installed on it."""
    chip, python = request.param
    project = project_for(python)
    return machine_for(chip, python, (project,)), project


def test_verify_passes(bundle_folder: Path, device: tuple[Machine, Path], tmp_path: Path) -> None:
    """Hashes, schema, and every file whose runtime a device has, against the answers recorded in the bundle."""
    machine, project = device
    if read_bundle(bundle_folder).config.golden is None:
        pytest.skip(f"{bundle_folder} holds no golden answers")
    report = tmp_path / "verified.json"
    done = machine.run(project / "bin" / "edge-quantize", "verify", bundle_folder, "--threads", "1", "--json", report)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report.stat().st_size > 0


def test_verify_catches_a_damaged_file(device: tuple[Machine, Path], tmp_path: Path) -> None:
    machine, project = device
    source = PROJECT / "edge" / "models" / "default"
    for path in source.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = bytearray((tmp_path / "model_int8.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "model_int8.tflite").write_bytes(data)
    done = machine.run(project / "bin" / "edge-quantize", "verify", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "model_int8.tflite" in done.stdout


def test_edge_run_reads_a_portrait(
    device: tuple[Machine, Path], edge_run: Callable[..., object], tmp_path: Path
) -> None:
    """The same face, box and emotion as here; OpenCV's resize rounds differently on Arm, so not the same bits."""
    machine, project = device
    options = ["--source", PROJECT / "edge" / "assets" / "portrait_hopper.jpg", "--no-window", "--jsonl"]
    done = machine.run(project / "bin" / "edge-run", *options, tmp_path / "there.jsonl")
    assert done.returncode == 0, done.stderr
    edge_run(*options, tmp_path / "here.jsonl", check=True)
    here, there = (json.loads((tmp_path / name).read_text()) for name in ("here.jsonl", "there.jsonl"))
    assert here.keys() == there.keys()
    assert len(here["faces"]) == len(there["faces"]) == 1
    (expected,), (found,) = here["faces"], there["faces"]
    assert found.keys() == expected.keys()
    assert found["emotion"] == expected["emotion"]
    assert found["box"] == pytest.approx(expected["box"], abs=PIXELS)
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=CLOSE)
    assert [found[key] for key in ("valence", "arousal")] == pytest.approx(
        [expected[key] for key in ("valence", "arousal")], abs=CLOSE
    )
    print(found, expected)
