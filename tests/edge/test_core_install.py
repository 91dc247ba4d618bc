"""What a device gets: the core install alone, in an environment of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LEFT_OUT = ("torch", "torchvision", "tensorflow", "keras", "mediapipe", "onnxruntime", "lightning", "matplotlib")


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of a fresh virtual environment with ``pip install .`` in it, under the constraints."""
    folder = tmp_path_factory.mktemp("core")
    source = folder / "source"
    # A copy: building leaves files behind, and an installed package must not find the checkout by accident.
    left = shutil.ignore_patterns(".*", "build", "out", "runs", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, source, ignore=left)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    binaries = folder / "venv" / "bin"
    install = [binaries / "python", "-m", "pip", "install", "-q", "-c", source / "constraints.txt", source]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    return binaries


def test_nothing_heavy_comes_along(core: Path) -> None:
    for name in LEFT_OUT:
        done = subprocess.run([core / "python", "-c", f"import {name}"], capture_output=True, text=True)
        assert "ModuleNotFoundError" in done.stderr, name


def test_edge_run_works(core: Path, tmp_path: Path) -> None:
    command = [core / "edge-run", "--source", "demo", "--no-window", "--max-frames", "30"]
    done = subprocess.run(
        [*command, "--save-video", "demo.mp4", "--jsonl", "demo.jsonl"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "model_int8.tflite on LiteRT" in done.stdout
    events = [json.loads(line) for line in (tmp_path / "demo.jsonl").read_text().splitlines()]
    assert len(events) == 30
    assert sum(len(event["faces"]) == 2 for event in events) > 20
    assert (tmp_path / "demo.mp4").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--onnx",), "emot-edge[onnx]"),
        (("--detector", "mediapipe"), "emot-edge[mediapipe]"),
        (("--device", "cuda"), "cuda"),
    ],
)
def test_what_is_not_installed_is_named_with_its_remedy(core: Path, arguments: tuple[str, ...], says: str) -> None:
    command = [core / "edge-run", "--source", "demo", "--no-window", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_packaged_model_proves_itself_with_the_runtime_that_is_there(core: Path, tmp_path: Path) -> None:
    done = subprocess.run([core / "edge-quantize", "verify"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert lines["model_int8.tflite"].endswith("ok")
    assert "SKIPPED" in lines["model_int8.onnx"] and "emot-edge[onnx]" in lines["model_int8.onnx"]


@pytest.mark.parametrize("command", ["edge-train", "edge-quantize", "edge-bench", "edge-device"])
def test_the_other_commands_show_their_help(core: Path, command: str) -> None:
    done = subprocess.run([core / command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    "arguments", [("edge-train", "--data", "."), ("edge-quantize", ".")], ids=["edge-train", "edge-quantize"]
)
def test_commands_without_their_packages_say_how_to_get_them(
    core: Path, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = subprocess.run([core / arguments[0], *arguments[1:]], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("error: ")
