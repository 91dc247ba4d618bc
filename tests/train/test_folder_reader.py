from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.folder import read_folder
from train.data.opening import open_split


def write(root, *names):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((12, 12, 3), number, np.uint8))


def test_classes_are_mapped_by_name_not_by_order(tmp_path):
    write(tmp_path, "train/Angry/a.jpg", "train/Happy/b.png", "train/Happy/c.JPG", "train/contempt/d.jpeg")
    (tmp_path / "train/Happy/notes.txt").write_text("no image")
    samples = open_split(f"folder:{tmp_path}", "train")
    assert [(path.name, LABELS[label]) for path, label in zip(samples.paths, samples.label, strict=True)] == [
        ("a.jpg", "anger"),
        ("b.png", "happiness"),
        ("c.JPG", "happiness"),
        ("d.jpeg", "contempt"),
    ]
    assert samples.distribution.argmax(axis=1).tolist() == samples.label.tolist()
    np.testing.assert_allclose(samples.valence_arousal[1], [0.81, 0.51])
    assert samples.weak_affect


@pytest.mark.parametrize("present", [["validation", "test"], ["val", "test"], ["valid"], ["test"]])
def test_validation_is_taken_from_where_it_is(tmp_path, present):
    write(tmp_path, "train/happy/a.png", *(f"{name}/happy/{name}.png" for name in present))
    samples = open_split(str(tmp_path), "validation")
    assert [path.parts[-3] for path in samples.paths] == present[:1]
    assert samples.name.endswith(present[0])  # a report says what was measured on


@pytest.mark.parametrize("name", ["0", "3", "07", "-1"])
def test_numbers_are_refused(tmp_path, name):
    write(tmp_path, "train/happy/a.png", f"train/{name}/b.png")
    with pytest.raises(EdgeError, match=f"{name}: a number does not tell which emotion"):
        read_folder(tmp_path, "train")


def test_unknown_names_are_refused_and_named(tmp_path):
    write(tmp_path, "train/happy/a.png", "train/bored/b.png")
    with pytest.raises(EdgeError, match=r"train/bored: unknown emotion label 'bored'; known labels are neutral"):
        read_folder(tmp_path, "train")


def test_two_names_of_one_class_are_one_class(tmp_path):
    write(tmp_path, "train/joy/a.png", "train/Happiness/b.png")
    assert read_folder(tmp_path, "train").label.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("files", "split", "message"),
    [
        ([], "train", "no folder train"),
        (["train/happy/a.png"], "validation", "no folder validation or val"),
        (["train/happy/a.bmp"], "train", "no image found"),
        (["train/happy/a.png"], "holdout", "no split 'holdout'"),
    ],
)
def test_what_is_missing_is_said(tmp_path, files, split, message):
    write(tmp_path, *files)
    with pytest.raises(EdgeError, match=message):
        read_folder(tmp_path, split)


def test_unrecognised_folder(tmp_path):
    with pytest.raises(EdgeError, match="no data set recognised; name it, one of ferplus:DIR, affectnet:DIR"):
        open_split(str(tmp_path), "train")
