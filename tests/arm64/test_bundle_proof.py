"""A bundle gives on a Raspberry Pi's processors, and on an x86-64 without VNNI, what it gives here.

Run by ``make test-arm64`` alone; see README.md in this folder.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from bench.instructions.chips import CHIPS, PI4, PI5
from bench.instructions.machine import Machine, arm_machine
from bench.instructions.root import Root
from edge.bundle import Bundle, read_bundle
from edge.golden import read_images
from quantize.int8.onnx import LIMIT, widest_weight
from quantize.int8.sums import settle_sums, unsettled_sums
from tests.arm64 import planted
from tests.arm64.emulator import AARCH64, WITHOUT_VNNI, this_machine
from tests.arm64.inside import expose

# The first test of a run builds the root file system.
pytestmark = [pytest.mark.arm64, pytest.mark.timeout(1200)]

ANSWERS = Path(__file__).parent / "answers.py"
MACHINES = (*CHIPS, WITHOUT_VNNI)
#: What rounding in a float tail may add to logits and valence/arousal.
ROUNDING = 1e-5
#: The same for files that are float throughout, which sum in another order.
FLOAT_ROUNDING = 1e-4
#: Float files run on so many images only: multiplications in float are a hundred times slower under emulation.
FLOAT_IMAGES = 2

Answers = dict[str, NDArray[np.generic]]


def answers(machine: Machine, files: list[Path], images: NDArray[np.uint8], folder: Path) -> dict[str, Answers]:
    """What each file gives on a machine, by file name and tensor."""
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images)
    done = machine.run(ANSWERS, folder / "images.npy", folder, *files)
    assert done.returncode == 0, f"{machine.name}: {done.stderr}"
    return {file.name: dict(np.load(folder / f"{file.name}.npz")) for file in files}


def inputs(bundle: Bundle, portraits: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The bundle's golden images; cuts from the portraits for a bundle without."""
    if bundle.config.golden:
        return read_images(bundle)
    size, random = bundle.config.input.size, np.random.default_rng(0)
    cuts = []
    for picture in portraits.values():
        for _ in range(8):
            y, x = (int(random.integers(0, side - size)) for side in picture.shape[:2])
            cuts.append(picture[y : y + size, x : x + size, ::-1])
    return np.stack(cuts)


def promises(bundle: Bundle, name: str) -> bool:
    """Whether a file claims to be the same on every processor: its config entry says so since there are goldens."""
    entry = bundle.config.files[name]
    if entry.precision == "float32":
        return True
    if bundle.config.golden:
        return entry.tolerance is not None
    return entry.format == "tflite" or not unsettled_sums(onnx.load(bundle.path(name)))


def noise(count: int) -> NDArray[np.uint8]:
    """Images for the planted networks."""
    return np.random.default_rng(2).integers(0, 256, (count, planted.SIZE, planted.SIZE, 3), dtype=np.uint8)


def largest_difference(first: Answers, second: Answers, floats: bool) -> float:
    """Over the float tensors, or over the integer ones: 0 is the same bit for bit."""
    assert first.keys() == second.keys()
    names = [name for name in first if (first[name].dtype.kind == "f") == floats]
    return max((float(np.abs(first[n].astype(float) - second[n].astype(float)).max()) for n in names), default=0.0)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_bundle_gives_the_same_everywhere(
    bundle_folder: Path,
    machine: str,
    machine_for: Callable[..., Machine],
    portraits: dict[str, NDArray[np.uint8]],
    tmp_path: Path,
) -> None:
    bundle = read_bundle(bundle_folder)
    files, limits = [], {}
    for name, entry in bundle.config.files.items():
        if entry.format not in ("onnx", "tflite") or not promises(bundle, name):
            continue
        files.append(bundle.path(name))
        limits[name] = FLOAT_ROUNDING if entry.precision in ("float32", "float16") else ROUNDING
        if entry.format == "onnx" and entry.precision == "int8":
            assert unsettled_sums(onnx.load(files[-1])) == []
            files[-1] = tmp_path / name
            assert expose(bundle.path(name), files[-1])
    assert files, f"{bundle_folder} holds nothing that promises the same everywhere"
    images = inputs(bundle, portraits)
    here, there, found = {}, {}, {}
    for limit, count in ((ROUNDING, len(images)), (FLOAT_ROUNDING, FLOAT_IMAGES)):
        chosen = [file for file in files if limits[file.name] == limit]
        if chosen:
            here |= answers(this_machine(), chosen, images[:count], tmp_path / f"here-{limit}")
            there |= answers(machine_for(machine), chosen, images[:count], tmp_path / f"there-{limit}")
    for name, limit in limits.items():
        integers = largest_difference(here[name], there[name], floats=False)
        floats = largest_difference(here[name], there[name], floats=True)
        found[name] = {"integers": integers, "floats": floats}
        if limit == ROUNDING:
            assert any(tensor.dtype.kind in "iu" for tensor in here[name].values()), f"{name} shows no int8 tensor"
        assert integers == 0 and floats <= limit, f"{name} on {machine}: {found[name]}"
    print(f"{bundle_folder.name} on {machine}: {json.dumps(found)}")


def test_looking_inside_changes_nothing(
    bundle_folder: Path, portraits: dict[str, NDArray[np.uint8]], tmp_path: Path
) -> None:
    """What is proved is the file as it is run, not one whose operators fuse otherwise."""
    bundle = read_bundle(bundle_folder)
    name = "model_int8.onnx"
    if name not in bundle.config.files:
        pytest.skip(f"{bundle_folder} has no {name}")
    inside = expose(bundle.path(name), tmp_path / name)
    images = inputs(bundle, portraits)
    plain = answers(this_machine(), [bundle.path(name)], images, tmp_path / "plain")[name]
    opened = answers(this_machine(), [tmp_path / name], images, tmp_path / "opened")[name]
    assert opened.keys() - plain.keys() == set(inside)
    for output in plain:
        np.testing.assert_array_equal(plain[output], opened[output])


@pytest.mark.parametrize("seven_bits", [False, True], ids=["8 bits", "7 bits"])
def test_a_saturating_model_is_caught(seven_bits: bool, machine_for: Callable[..., Machine], tmp_path: Path) -> None:
    """S8S8 with wide weights is wrong without VNNI, right on Arm; in seven bits it is right on both."""
    file = tmp_path / "saturating.onnx"
    planted.write_saturating(file, noise(8), seven_bits)
    if not seven_bits:
        assert widest_weight(file) > LIMIT  # and the file alone tells
    (inside,) = expose(file, tmp_path / "open.onnx")
    run = [tmp_path / "open.onnx"]
    arm = answers(machine_for(PI4.cpu), run, noise(8), tmp_path / "arm")["open.onnx"][inside]
    avx = answers(machine_for(WITHOUT_VNNI), run, noise(8), tmp_path / "avx")["open.onnx"][inside]
    share = float((arm != avx).mean())
    assert share == 0 if seven_bits else share > 0.2


@pytest.mark.parametrize("settled", [False, True], ids=["as calibrated", "settled"])
@pytest.mark.parametrize("chip", CHIPS)
def test_sums_that_round_differently_are_caught(
    settled: bool, chip: str, machine_for: Callable[..., Machine], tmp_path: Path
) -> None:
    """Residual sums near a tie come out a step apart on x86-64 and Arm, unless their scales were settled."""
    file = tmp_path / "residual.onnx"
    planted.write_residual(file, noise(8))
    model = onnx.load(file)
    assert len(unsettled_sums(model)) > 0
    if settled:
        settle_sums(model)
        onnx.checker.check_model(model)
        onnx.save(model, file)
        assert unsettled_sums(model) == []
    (inside,) = expose(file, tmp_path / "open.onnx")
    run = [tmp_path / "open.onnx"]
    here = answers(this_machine(), run, noise(32), tmp_path / "here")["open.onnx"][inside]
    there = answers(machine_for(chip), run, noise(32), tmp_path / "there")["open.onnx"][inside]
    assert bool((here != there).any()) is not settled


def test_the_two_chips_run_different_instructions(root_for: Callable[[str], Root], tmp_path: Path) -> None:
    """A Pi 4 that is told it were a Pi 5 meets a dot product it does not have: so a Pi 5's are proved, too."""
    file = tmp_path / "small.onnx"
    planted.write_saturating(file, noise(8), seven_bits=True)
    deceived = arm_machine((AARCH64,), root_for("3.11"), PI4, described=PI5)
    np.save(tmp_path / "images.npy", noise(1))
    done = deceived.run(ANSWERS, tmp_path / "images.npy", tmp_path, file)
    assert done.returncode == -signal.SIGILL, done.stderr
