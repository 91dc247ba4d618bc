from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def options() -> tuple[str, ...]:
    """What makes mobilenet_v2, from a random start, learn two colours within seconds on one core."""
    text = "--weights none --image-size 32 --epochs 5 --batch-size 8 --lr 2e-3 --ema 0.9 --device cpu"
    return tuple(text.split())


@pytest.fixture(scope="session")
def one_thread():
    """One CPU thread: the same sums in the same order in every process, and no fight for the cores."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_colours(root: Path, split: str, count: int) -> None:
    """Noisy pictures: red ones are happy, blue ones are sad."""
    random = np.random.default_rng(count)
    for name, blue_green_red in (("Happy", (40, 40, 200)), ("sad", (200, 40, 40))):
        folder = root / split / name
        folder.mkdir(parents=True)
        for number in range(count):
            image = np.clip(np.array(blue_green_red) + random.normal(0, 40, (40, 40, 3)), 0, 255)
            cv2.imwrite(str(folder / f"{number:03d}.png"), image.astype(np.uint8))


@pytest.fixture(scope="session")
def colours(tmp_path_factory) -> Path:
    """A data set of two classes that a network learns in a few epochs."""
    root = tmp_path_factory.mktemp("colours")
    write_colours(root, "train", 96)
    write_colours(root, "val", 24)
    return root


@pytest.fixture(scope="session")
def command():
    """Run ``edge-train`` in this process; returns Typer's result, with ``stdout``, ``stderr`` and ``exit_code``."""
    from typer.testing import CliRunner

    from train.cli import app

    def call(*arguments: object):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def process():
    """Start ``edge-train`` as a process of its own; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", "from train.cli import main; main()", *map(str, arguments)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test run that was itself started in the background inherits "ignore Ctrl-C"; the child must not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture(scope="session")
def complaints():
    """Return the lines of a stderr that are no notes (the data sets of these tests have but two classes)."""

    def lines(stderr: str) -> list[str]:
        return [line for line in stderr.splitlines() if line and not line.startswith("note: colours")]

    return lines


@pytest.fixture(scope="session")
def finished(colours, options, command, one_thread, tmp_path_factory):
    """A run that went through without a break: its folder, and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    result = command("--data", f"folder:{colours}", "--out", out, *options)
    assert result.exit_code == 0, result.output
    return out, result


@pytest.fixture(scope="session")
def bundle(finished) -> Path:
    """The bundle of the finished run."""
    return finished[0] / "bundle"
