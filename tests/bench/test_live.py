"""edge-bench live on a short video of a packaged portrait."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.live import parse_size
from edge.errors import EdgeError


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
    arguments = ["live", str(clip), "--no-plain", "--recall", "--seconds", "0.3", "--json", str(result)]
    finished = CliRunner().invoke(app, arguments)
    assert finished.exit_code == 0, finished.output
    for text in ("frames/s", "detector", "classifier", "other", "0 missed"):
        assert text in finished.output
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


def test_the_plain_recipe_reads_the_face(portraits: dict[str, np.ndarray]) -> None:
    pytest.importorskip("mediapipe")
    pytest.importorskip("torch")
    from bench.plain import PlainRecipe

    recipe = PlainRecipe()
    assert recipe.process(portraits["collins"]) == 1
    assert recipe.process(np.full((480, 640, 3), 128, np.uint8)) == 0
    recipe.close()


def test_what_cannot_be_measured_is_one_line(clip: Path, tmp_path: Path) -> None:
    wall = tmp_path / "wall.avi"
    writer = cv2.VideoWriter(str(wall), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for _ in range(5):
        writer.write(np.full((240, 320, 3), 140, np.uint8))
    writer.release()
    runner = CliRunner()
    for arguments, says in (
        ([str(wall), "--no-plain", "--seconds", "0.1"], "no face was found"),
        ([str(tmp_path / "nowhere.mp4"), "--no-plain"], "nowhere.mp4"),
        ([str(clip), "--no-plain", "--seconds", "0.1", "--recall", "--detector", "blazeface-short"], "--recall"),
    ):
        finished = runner.invoke(app, ["live", *arguments])
        assert finished.exit_code == 2, finished.output
        assert says in finished.output
    for size in ("640", "0x480", "axb"):
        with pytest.raises(EdgeError, match="WIDTHxHEIGHT"):
            parse_size(size)
    assert parse_size("") is None
    assert parse_size("320x240") == (320, 240)
