"""Real material for all tests: the packaged portraits, and the clips and images that lie beside the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def portraits() -> dict[str, NDArray[np.uint8]]:
    """The packaged portraits, BGR."""
    return {
        name: np.asarray(cv2.imread(str(ROOT / "edge" / "assets" / f"portrait_{name}.jpg")), np.uint8)
        for name in ("hopper", "collins")
    }


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips; tests that use it skip where it is missing."""
    folder = SHARED / "clips"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: real clips lie beside the project")
    return folder


@pytest.fixture(scope="session")
def ferplus_pack() -> Path:
    """The packed FER+ file; tests that use it skip where it is missing."""
    pack = SHARED / "data" / "ferplus_train_valid.npz"
    if not pack.is_file():
        pytest.skip(f"{pack} is not there: FER+ lies beside the project")
    return pack


@pytest.fixture(scope="session")
def edge_run():
    """Run ``edge-run`` as a process: ``edge_run("--source", "demo")`` returns the finished process, output as text."""

    def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from edge.cli import main; main()", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240, **options)

    return run


class _Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.fixture
def trap(tmp_path: Path) -> tuple[object, Path]:
    """An object whose pickle carries code, and the file that is there once that code ran."""
    target = tmp_path / "executed"
    return _Trap(target), target
