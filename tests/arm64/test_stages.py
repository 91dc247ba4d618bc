"""Where a device's readings begin to differ from those of this machine: stage by stage, on the same inputs.

Run by ``make test-arm64`` alone; see README.md in this folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bench.instructions.chips import CHIPS
from bench.instructions.machine import Machine
from edge.bundle import read_bundle
from edge.golden import read_images
from edge.model import DEFAULT_MODEL
from tests.arm64.software import PROJECT, SOFTWARE

# The first test of a run builds the root file system.
pytestmark = [pytest.mark.arm64, pytest.mark.timeout(1200)]

STAGES = Path(__file__).parent / "stages.py"
#: Stages in integers, and in what OpenCV works out to the same bytes: no bit may differ.
EXACT = {
    "decode",
    "letterbox",
    "window",
    "window of half",
    "window of a quarter",
    "shrink",
    "enlarge",
    "crop",
}
#: Averaging areas whose borders cut through pixels sums in float32: one byte in 40,000 is a step apart. Faces are
#: cropped at a whole number of points a pixel, so this happens to whole pictures alone.
ONE_STEP = {"shrink by parts of pixels": 1.0}
#: Share of bytes that may be a step apart.
RARE = 1e-4
#: Detection networks are float32: sums in another order. Boxes are shares of the input: this is 0.0002 of 192 pixels.
DETECTIONS = {"short range": 1e-6, "full range": 1e-6, "full range in a window": 1e-6}
#: Emotion networks are int8 up to a float tail.
READINGS = {"tflite logits": 1e-5, "tflite affect": 1e-5, "onnx logits": 1e-5, "onnx affect": 1e-5}
#: But tflite-runtime 2.14 runs int8 in kernels of its own, which round otherwise on x86-64 than on Arm: the first
#: convolution with negative results gives 0.15 % of its values one step apart, and layer upon layer adds to it. Seen:
#: 0.10 and 0.010. (What a device with it reads differs as much from LiteRT's.)
OLD_READINGS = READINGS | {"tflite logits": 0.2, "tflite affect": 0.02}


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, NDArray[np.uint8]]) -> Path:
    """What all stages start from, the same on every machine."""
    path = tmp_path_factory.mktemp("stages") / "given.npz"
    frame = portraits["hopper"]
    # The face of the portrait as it is found there, with awkward fractions.
    face = [140.7706, 110.3183, 170.5809, 170.5593]
    points = [192.4788, 163.4003, 260.0081, 161.857, 230.5245, 198.2739]
    points += [231.0459, 232.9908, 153.3751, 184.193, 292.9681, 180.9503]
    patch = np.ascontiguousarray(frame[110:281, 140:311])
    np.savez(
        path,
        frame=frame,
        square=cv2.resize(frame, (192, 192), interpolation=cv2.INTER_AREA),
        patch=patch,
        small=cv2.resize(patch, (37, 37), interpolation=cv2.INTER_AREA),
        face=np.array([*face, *points]),
        crops=read_images(read_bundle(DEFAULT_MODEL)),
    )
    return path


@pytest.mark.parametrize("software", SOFTWARE)
@pytest.mark.parametrize("chip", CHIPS)
def test_every_stage_gives_the_same(
    chip: str,
    software: str,
    machine_for: Callable[..., Machine],
    here_for: Callable[..., Machine],
    given: Path,
    tmp_path: Path,
) -> None:
    found = {}
    for name, machine in (("here", here_for(software, (PROJECT,))), ("there", machine_for(chip, software, (PROJECT,)))):
        done = machine.run(STAGES, given, tmp_path / f"{name}.npz")
        assert done.returncode == 0, f"{machine.name}: {done.stderr}"
        found[name] = dict(np.load(tmp_path / f"{name}.npz"))
    here, there = found["here"], found["there"]
    assert here.keys() == there.keys() == EXACT | ONE_STEP.keys() | DETECTIONS.keys() | READINGS.keys()
    limits = (
        dict.fromkeys(EXACT, 0.0)
        | ONE_STEP
        | DETECTIONS
        | (READINGS if SOFTWARE[software].constrained else OLD_READINGS)
    )
    differences = {}
    for stage in limits:
        assert here[stage].shape == there[stage].shape, stage
        assert here[stage].size, f"{stage} gave nothing"
        difference = np.abs(here[stage].astype(float) - there[stage].astype(float))
        differences[stage] = float(difference.max()), float((difference > 0).mean())
    print(f"{software} on {chip}: {json.dumps(differences)}")
    assert all(differences[stage][1] <= RARE for stage in ONE_STEP)
    for name in ("tflite logits", "onnx logits"):
        assert (here[name].argmax(1) == there[name].argmax(1)).all(), name
    assert {stage: largest for stage, (largest, _) in differences.items() if largest > limits[stage]} == {}
