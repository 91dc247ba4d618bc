"""The commands that an engineer runs on a Raspberry Pi, installed there from this project's wheel.

Run by ``make test-arm64`` alone; see README.md in this folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.instructions.chips import CHIPS
from bench.instructions.debian import RELEASES
from bench.instructions.machine import Machine
from edge.bundle import read_bundle
from tests.arm64.emulator import with_children
from tests.arm64.software import PROJECT, SOFTWARE

# The first test of a run builds the root file system.
pytestmark = [pytest.mark.arm64, pytest.mark.timeout(1200)]

#: Detection networks are float32, which sums in another order on Arm: a box moves by some 0.00002 pixels, a few pixels
#: of the crop by one level (test_stages.py), and the int8 network rounds a few values the other way. Seen: 0.0023.
CLOSE = 0.005
#: The int8 kernels of tflite-runtime 2.14 round another way on Arm, see test_stages.py. Seen: 0.02.
OLD_CLOSE = 0.05
#: Boxes are written in steps of 0.1 pixels, scores in steps of 0.001.
BOX = 0.1001
SCORE = 0.001001

FOLLOWING = Path(__file__).parent / "following.py"


@pytest.fixture(params=[(chip, software) for chip in CHIPS for software in SOFTWARE], ids="-".join)
def pair(
    request: pytest.FixtureRequest,
    machine_for: Callable[..., Machine],
    here_for: Callable[..., Machine],
    project_for: Callable[[str], Path],
) -> tuple[Machine, Machine, Path, bool]:
    """A device, this machine with the same versions, the folder the wheel was installed to, whether LiteRT is there."""
    chip, software = request.param
    project = project_for(SOFTWARE[software].python)
    litert = SOFTWARE[software].constrained
    return machine_for(chip, software, (project,)), here_for(software, (project,)), project, litert


@pytest.fixture(params=[(chip, python) for chip in CHIPS for python in RELEASES], ids="-".join)
def device(
    request: pytest.FixtureRequest, machine_for: Callable[..., Machine], project_for: Callable[[str], Path]
) -> tuple[Machine, Path]:
    """A device, and the folder where this project is installed on it."""
    chip, python = request.param
    project = project_for(python)
    return machine_for(chip, python, (project,)), project


def same_reading(found: dict[str, Any], expected: dict[str, Any], close: float = CLOSE) -> None:
    """Hold an object of edge-run's JSON to another's: the same but for times, and for what float sums move."""
    assert found.keys() == expected.keys()
    for key in found.keys() - {"faces", "timings_ms"}:
        assert found[key] == expected[key], key
    assert found["timings_ms"].keys() == expected["timings_ms"].keys()
    assert len(found["faces"]) == len(expected["faces"])
    for face, other in zip(found["faces"], expected["faces"], strict=True):
        assert face.keys() == other.keys()
        for key in face.keys() - {"box", "score", "probabilities", "valence", "arousal"}:
            assert face[key] == other[key], key
        assert face["box"] == pytest.approx(other["box"], abs=BOX)
        assert face["score"] == pytest.approx(other["score"], abs=SCORE)
        assert face["probabilities"] == pytest.approx(other["probabilities"], abs=close)
        assert face["valence"] == pytest.approx(other["valence"], abs=close)
        assert face["arousal"] == pytest.approx(other["arousal"], abs=close)


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


@pytest.mark.parametrize("engine", ["tflite", "onnx"])
def test_edge_run_says_of_a_picture_what_it_says_here(
    engine: str, pair: tuple[Machine, Machine, Path, bool], tmp_path: Path
) -> None:
    """From the wheel, in each version of Python, with each runtime: the same JSON but for times."""
    device, here, project, litert = pair
    options: list[str | Path] = ["--source", PROJECT / "edge" / "assets" / "portrait_hopper.jpg", "--no-window"]
    options += ["--onnx"] * (engine == "onnx")
    found = []
    for machine in (device, here):
        done = machine.run(project / "bin" / "edge-run", *options, "--jsonl", tmp_path / f"{machine.name}.jsonl")
        assert done.returncode == 0, f"{machine.name}: {done.stderr}"
        (line,) = (tmp_path / f"{machine.name}.jsonl").read_text().splitlines()
        found.append(json.loads(line))
    assert len(found[0]["faces"]) == 1
    same_reading(*found, CLOSE if litert or engine == "onnx" else OLD_CLOSE)
    print(f"{device.name}: {found[0]['faces']}\nhere: {found[1]['faces']}")


def test_a_moving_face_is_followed_as_here(pair: tuple[Machine, Machine, Path, bool], tmp_path: Path) -> None:
    """The same frames are searched, the same are followed in windows, and what is read in them is the same."""
    device, here, _, litert = pair
    found = []
    for machine in (device, here):
        done = machine.run(FOLLOWING, tmp_path / f"{machine.name}.json")
        assert done.returncode == 0, f"{machine.name}: {done.stderr}"
        found.append(json.loads((tmp_path / f"{machine.name}.json").read_text()))
    searched, expected = ([frame.pop("searched") for frame in frames] for frames in found)
    assert searched == expected
    assert True in searched[1:] and False in searched
    for frame, other in zip(*found, strict=True):
        assert len(frame["faces"]) == 1
        same_reading(frame, other, CLOSE if litert else OLD_CLOSE)


def test_probe_knows_the_board(device: tuple[Machine, Path]) -> None:
    machine, project = device
    done = machine.run(project / "bin" / "edge-device", "probe", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    chip = CHIPS[machine.name]
    assert found["architecture"] == "aarch64"
    assert found["model"] == chip.board
    assert found["profile"]["profile"] == {"cortex-a72": "raspberry-pi-4", "cortex-a76": "raspberry-pi-5"}[chip.cpu]
    assert found["packages"].keys() >= {"numpy", "ai-edge-litert", "onnxruntime"}


def test_doctor_proves_the_model(device: tuple[Machine, Path]) -> None:
    """No camera and no power meter here, which are warnings; software and model are in order."""
    machine, project = device
    done = with_children(machine).run(project / "bin" / "edge-device", "doctor", "--json")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}
    for name in ("python", "bits", "opencv", "engine", "model"):
        assert found[name]["severity"] == "ok", found[name]
    assert "model_int8.onnx, model_int8.tflite gave what they must" in found["model"]["text"]
    print(found["model"], found["profile"])


@pytest.mark.parametrize("chip", CHIPS)
def test_verify_knows_what_old_kernels_give(
    chip: str, machine_for: Callable[..., Machine], project_for: Callable[[str], Path], tmp_path: Path
) -> None:
    """With tflite-runtime 2.14 the int8 file is proved to what that runtime can give, and is not called damaged."""
    project = project_for("3.11")
    machine = machine_for(chip, "3.11-tflite-runtime", (project,))
    bundle, report = PROJECT / "edge" / "models" / "default", tmp_path / "verified.json"
    done = machine.run(project / "bin" / "edge-quantize", "verify", bundle, "--json", report)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tflite_runtime 2.14" in report.read_text()
