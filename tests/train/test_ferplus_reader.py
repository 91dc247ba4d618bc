from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.ferplus import FOLDERS, LICENCE, majority, read_ferplus

PACK = Path(__file__).parents[2].parent / "shared/data/ferplus_train_valid.npz"

# neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, not a face
VOTES = {
    "everybody agrees": ([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], "neutral"),
    "happiness": ([0, 9, 0, 0, 0, 0, 0, 0, 1, 0], "happiness"),
    "surprise is column 2, class 3": ([0, 0, 6, 4, 0, 0, 0, 0, 0, 0], "surprise"),
    "sadness is column 3, class 2": ([0, 0, 4, 6, 0, 0, 0, 0, 0, 0], "sadness"),
    "anger is column 4, class 6": ([0, 0, 0, 0, 8, 2, 0, 0, 0, 0], "anger"),
    "disgust": ([2, 0, 0, 0, 0, 8, 0, 0, 0, 0], "disgust"),
    "fear is column 6, class 4": ([0, 0, 3, 0, 0, 0, 7, 0, 0, 0], "fear"),
    "contempt": ([0, 0, 0, 0, 0, 0, 0, 8, 2, 0], "contempt"),
    "a tie": ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], None),
    "half is not more than half": ([5, 3, 2, 0, 0, 0, 0, 0, 0, 0], None),
    "single votes are removed first": ([5, 4, 1, 0, 0, 0, 0, 0, 0, 0], "neutral"),
    "many single votes": ([2, 1, 1, 1, 1, 1, 1, 1, 1, 0], "neutral"),
    "a single vote for unknown is removed too": ([5, 4, 0, 0, 0, 0, 0, 0, 1, 0], "neutral"),
    "votes for unknown count": ([5, 3, 0, 0, 0, 0, 0, 0, 2, 0], None),
    "only single votes": ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None),
    "no votes": ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
    "unknown wins": ([2, 0, 0, 0, 0, 0, 0, 0, 8, 0], None),
    "not a face wins": ([0, 2, 0, 0, 0, 0, 0, 0, 0, 8], None),
}


@pytest.mark.parametrize(("votes", "winner"), VOTES.values(), ids=VOTES)
def test_majority(votes, winner):
    expected = -1 if winner is None else LABELS.index(winner)
    assert majority(np.array([votes])).tolist() == [expected]


@pytest.fixture
def tree(tmp_path):
    """Three rows in Microsoft's layout; the gray level of an image is its row's number."""
    folder = tmp_path / FOLDERS["train"]
    folder.mkdir()
    rows = [[0, 6, 0, 2, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 5, 5, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 8, 0]]
    with (folder / "label.csv").open("w", newline="") as file:
        for number, votes in enumerate(rows):
            cv2.imwrite(str(folder / f"fer{number:07d}.png"), np.full((48, 48), 50 + number, np.uint8))
            csv.writer(file).writerow([f"fer{number:07d}.png", "(0, 0, 48, 48)", *votes])
    return tmp_path


def test_reader_on_microsofts_layout(tree):
    samples = read_ferplus(tree, "train")
    assert (len(samples), samples.licence, samples.labels) == (2, LICENCE, LABELS)  # the third has no emotion left
    assert samples.label.tolist() == [LABELS.index("happiness"), -1]
    np.testing.assert_allclose(samples.distribution[0], [0, 0.75, 0.25, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(samples.distribution[1], [0, 0, 0, 0, 0, 0.5, 0.5, 0])
    # 3/4 of (.81, .51) and 1/4 of (-.63, -.27); the half way between disgust and anger
    np.testing.assert_allclose(samples.valence_arousal, [[0.45, 0.315], [-0.555, 0.47]], atol=1e-6)
    assert samples.weak_affect
    image = samples.image(1)
    assert image.shape == (48, 48, 3) and image.dtype == np.uint8 and (image == 51).all()
    assert len(samples.labelled()) == 1


@pytest.mark.parametrize(
    "row",
    ["fer.png,box,1,2,3", 'fer.png,"(0, 0, 48, 48)",0,0,x,0,0,0,0,0,0,0', "", 'f.png,"()",0,0,0,0,0,0,0,0,0,-1'],
    ids=["too short", "no number", "empty", "negative"],
)
def test_damaged_row_is_named_with_its_line(tree, row):
    table = tree / FOLDERS["train"] / "label.csv"
    table.write_text(table.read_text() + row + "\n")
    with pytest.raises(EdgeError, match=r"label\.csv:4: damaged row"):
        read_ferplus(tree, "train")


def test_table_that_is_no_text(tree):
    (tree / FOLDERS["train"] / "label.csv").write_bytes(bytes(range(128, 256)) * 9)
    with pytest.raises(EdgeError, match=r"label\.csv:1"):
        read_ferplus(tree, "train")


def test_missing_image_is_named(tree):
    (tree / FOLDERS["train"] / "fer0000000.png").unlink()
    with pytest.raises(EdgeError, match=r"fer0000000\.png: missing or not a readable image"):
        read_ferplus(tree, "train").image(0)


def test_missing_split(tree):
    with pytest.raises(EdgeError, match="FER2013Valid"):
        read_ferplus(tree, "validation")
    with pytest.raises(EdgeError, match="no split 'holdout'"):
        read_ferplus(tree, "holdout")


@pytest.mark.skipif(not PACK.is_file(), reason="the FER+ images are not beside this repository (../shared/data)")
def test_counts_of_the_real_data():
    with np.load(PACK) as pack:
        votes, split = pack["votes"].astype(np.int64), pack["split"]
    assert [(split == s).sum() for s in (0, 1)] == [28_558, 3_579]
    label = majority(votes)
    assert [(label[split == s] >= 0).sum() for s in (0, 1)] == [25_045, 3_191]
    counts = dict(zip(LABELS, np.bincount(label[(split == 1) & (label >= 0)], minlength=8).tolist(), strict=True))
    assert counts == {
        "neutral": 1180,
        "happiness": 862,
        "sadness": 348,
        "surprise": 411,
        "fear": 60,
        "disgust": 25,
        "anger": 289,
        "contempt": 16,
    }
