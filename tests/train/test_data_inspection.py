"""``edge-train inspect``: the page, the picture and the JSON say what is in the data."""

from __future__ import annotations

import json
import shutil
import sys

import cv2
import numpy as np
import pytest

from train.dataset import FaceDataset


@pytest.fixture(scope="module")
def tree(colours, tmp_path_factory):
    """The colours with a quarter of the sad ones, one file cut off, and one gray picture."""
    data = tmp_path_factory.mktemp("inspected") / "faces"
    shutil.copytree(colours, data)
    for path in sorted((data / "train/sad").iterdir())[24:]:
        path.unlink()
    broken = data / "train/Happy/000.png"
    broken.write_bytes(broken.read_bytes()[:99])
    cv2.imwrite(str(data / "train/Happy/001.png"), np.full((20, 30), 9, np.uint8))
    return data


def test_page_and_json(tree, command, tmp_path):
    result = command("inspect", f"folder:{tree}", "--json", tmp_path / "facts.json")
    assert result.exit_code == 0, result.output
    page = result.stdout
    for part in (
        "faces train: 119 images",
        "30 x 20 at least, 40 x 40 in the middle, 40 x 40 at most",
        "no image of neutral, surprise, fear, disgust, anger, contempt",
        "Happy/000.png: cut off",
        "has 4.0 times the images of the rarest: try --balance 1.0 (the rarest then weighs 4.0 times",
        "faces val: 48 images",
    ):
        assert part in page
    bars = {line.split()[0]: line.count("#") for line in page.splitlines() if line.endswith("#")}
    assert bars == {"happiness": 30, "sadness": 30}  # of val, the later one: even
    facts = json.loads((tmp_path / "facts.json").read_text())
    train = facts["train"]
    assert train["classes"]["happiness"] == 95 and train["classes"]["sadness"] == 24
    assert train["valence"]["annotated"] == 1 and train["valence"]["mean"][1] == pytest.approx(0.81)
    assert train["valence"]["mean"][0] is None
    assert train["size"] == {"min": [30, 20], "median": [40, 40], "max": [40, 40]}
    assert train["gray"] == pytest.approx(1 / 119)
    assert [fault["reason"][:7] for fault in train["faults"]] == ["cut off"]


def test_picture(tree, command, tmp_path):
    pytest.importorskip("matplotlib")
    result = command("inspect", f"folder:{tree}", "--classes", "sad,happy", "--draw", tmp_path / "data.png")
    assert result.exit_code == 0, result.output
    picture = cv2.imread(str(tmp_path / "data.png"))
    assert picture.shape[1] > 1000
    # The sheet of faces shows both colours of the data (BGR): blue-ish sad ones, red-ish happy ones.
    blue, _, red = np.moveaxis(picture.astype(int), 2, 0)
    assert (blue - red > 120).sum() > 20_000 and (red - blue > 120).sum() > 20_000


def test_picture_of_an_unknown_kind_and_without_matplotlib(tree, command, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    result = command("inspect", f"folder:{tree}", "--draw", tmp_path / "data.xyz")
    assert result.exit_code == 2 and "ends in .png, .pdf or .svg" in result.stderr
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    result = command("inspect", f"folder:{tree}", "--draw", tmp_path / "data.png")
    assert result.exit_code == 2 and "pip install matplotlib" in result.stderr


@pytest.mark.parametrize("fits", [True, False])
def test_pictures_are_kept_only_where_all_of_them_fit(colours, tmp_path, monkeypatch, fits):
    """Once read, a picture that is kept needs its file no more; both ways give the same."""
    pytest.importorskip("torch")
    from edge.errors import EdgeError
    from train.data.opening import open_split

    data = tmp_path / "data"
    shutil.copytree(colours, data)
    (data / "train/Happy/000.png").write_bytes(cv2.imencode(".png", np.full((40, 40), 77, np.uint8))[1].tobytes())
    samples = open_split(f"folder:{data}", "train").take(slice(0, 4))
    size = 40 * 40 * (4 if fits else 3)  # the first picture is gray, and one channel of it is kept
    monkeypatch.setattr("train.dataset.KEPT_BYTES", size)
    dataset = FaceDataset(samples, 32)
    first = dataset[0]["image"]
    samples.paths[0].unlink()
    if fits:
        assert dataset[0]["image"].equal(first) and first.shape == (32, 32, 3)
    else:
        with pytest.raises(EdgeError, match=r"000\.png: missing"):
            dataset[0]
    assert dataset[1]["image"].equal(dataset[1]["image"])
