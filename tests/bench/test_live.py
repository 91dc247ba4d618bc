"""edge-bench live on a short video of a packaged portrait."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.live import parse_size
from edge.errors import EdgeError

ROOT = Path(__file__).parent.parent.parent


def python(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own: MediaPipe and the frameworks of other tests don't share one."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)


def edge_bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return python("from bench.cli import main; main()", *arguments)


@pytest.fixture
def clip(tmp_path: Path, portraits: dict[str, np.ndarray]) -> Path:
    """A portrait that moves over a wall for 24 frames, 480x360."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (480, 360))
    portrait = cv2.resize(portraits["hopper"], (240, 280), interpolation=cv2.INTER_AREA)
    for index in range(24):
        frame = np.full((360, 480, 3), 160, np.uint8)
        frame[40:320, 60 + 4 * index : 300 + 4 * index] = portrait
        writer.write(frame)
    writer.release()
    return path


def test_rates_shares_and_recall(clip: Path, tmp_path: Path) -> None:
    result = tmp_path / "live.json"
    finished = edge_bench("live", clip, "--no-plain", "--recall", "--seconds", "0.3", "--json", result)
    assert finished.returncode == 0, finished.stderr
    for text in ("frames/s", "detector", "classifier", "other", "0 missed"):
        assert text in finished.stdout
    report = json.loads(result.read_text())
    live, recall = report["live"], report["recall"]
    assert live["size"] == [640, 480]
    assert live["plain"] is live["ratio"] is None
    assert live["ours"]["faces"] == live["ours"]["frames"] > 0
    assert live["ours"]["fps"] == pytest.approx(live["ours"]["frames"] / live["ours"]["seconds"])
    assert [stage["name"] for stage in live["stages"]] == ["detector", "crops", "classifier", "other"]
    assert sum(stage["share"] for stage in live["stages"]) == pytest.approx(1)
    assert all(stage["cpu_ms"] > 0 for stage in live["stages"])
    assert recall["frames"] == recall["faces"] == 24
    assert recall["missed"] == recall["extra"] == recall["below"] == 0
    assert recall["least_overlap"] >= 0.7
    assert 1 < recall["searched"] < 24
    assert recall["cost"] == pytest.approx(recall["following_ms"] / recall["search_ms"])


def test_the_plain_recipe_reads_the_face() -> None:
    pytest.importorskip("torch")
    if importlib.util.find_spec("mediapipe") is None:
        pytest.skip("mediapipe is not installed")
    done = python(
        "import cv2, numpy as np; from bench.plain import PlainRecipe\n"
        "recipe = PlainRecipe()\n"
        "print(recipe.process(cv2.imread('edge/assets/portrait_collins.jpg')))\n"
        "print(recipe.process(np.full((480, 640, 3), 128, np.uint8)))\n"
        "recipe.close()"
    )
    assert done.stdout.split() == ["1", "0"], done.stderr


def test_what_cannot_be_measured_is_one_line(clip: Path, tmp_path: Path) -> None:
    wall = tmp_path / "wall.avi"
    writer = cv2.VideoWriter(str(wall), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for _ in range(5):
        writer.write(np.full((240, 320, 3), 140, np.uint8))
    writer.release()
    for arguments, says in (
        ([str(wall), "--no-plain", "--seconds", "0.1"], "no face was found"),
        ([str(tmp_path / "nowhere.mp4"), "--no-plain"], "nowhere.mp4"),
        ([str(clip), "--no-plain", "--seconds", "0.1", "--recall", "--detector", "blazeface-short"], "--recall"),
    ):
        finished = edge_bench("live", *arguments)
        assert finished.returncode == 2, finished.stderr
        assert says in finished.stderr
    for size in ("640", "0x480", "axb"):
        with pytest.raises(EdgeError, match="WIDTHxHEIGHT"):
            parse_size(size)
    assert parse_size("") is None
    assert parse_size("320x240") == (320, 240)
