from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.affectnet import is_affectnet, read_affectnet
from train.data.opening import open_split

# expression, valence, arousal; 8 None, 9 Uncertain, 10 No-Face; -2 is "not annotated"
ROWS = [
    (0, 0.0, 0.1),
    (1, 0.8, 0.5),
    (8, 0.2, 0.2),
    (2, -0.6, -0.3),
    (3, 0.3, 0.7),
    (9, -2, -2),
    (4, -2, -2),
    (5, -0.7, 0.3),
    (10, -2, -2),
    (6, -0.5, -2),
    (7, -0.6, 0.4),
]
EXPECTED_LABELS = [0, 1, 2, 3, 4, 5, 6, 7]
NAN = float("nan")
EXPECTED_AFFECT = [[0, 0.1], [0.8, 0.5], [-0.6, -0.3], [0.3, 0.7], [NAN, NAN], [-0.7, 0.3], [-0.5, NAN], [-0.6, 0.4]]


@pytest.fixture
def tree_2021(tmp_path):
    for split in ("train_set", "val_set"):
        annotations, images = tmp_path / split / "annotations", tmp_path / split / "images"
        annotations.mkdir(parents=True)
        images.mkdir()
        for number, row in enumerate(ROWS):
            for kind, value in zip(("exp", "val", "aro"), row, strict=True):
                # The set stores its numbers as strings in some files, as numbers in others.
                stored = np.array(str(value)) if number % 2 else np.array(value)
                np.save(annotations / f"{number}_{kind}.npy", stored)
            np.save(annotations / f"{number}_lnd.npy", np.zeros(136))
            cv2.imwrite(str(images / f"{number}.jpg"), np.full((24, 24, 3), 20 * number, np.uint8))
    return tmp_path


@pytest.fixture
def tree_2017(tmp_path):
    """Each image is black but for its face box, whose colour (BGR) is (10, 20, 30)."""
    images = tmp_path / "Manually_Annotated_Images" / "7"
    images.mkdir(parents=True)
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[10:40, 20:60] = (10, 20, 30)
    header = "subDirectory_filePath face_x face_y face_width face_height facial_landmarks expression valence arousal"
    for name in ("training.csv", "validation.csv"):
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header.split())
            for number, (expression, valence, arousal) in enumerate(ROWS):
                cv2.imwrite(str(images / f"{number}.png"), picture)
                writer.writerow([f"7/{number}.png", 20, 10, 40, 30, "1;2;3", expression, valence, arousal])
    return tmp_path


@pytest.mark.parametrize("tree", ["tree_2021", "tree_2017"])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_both_layouts_give_the_same_table(tree, split, request):
    root = request.getfixturevalue(tree)
    assert is_affectnet(root)
    for data in (f"affectnet:{root}", str(root)):  # the layout alone tells
        samples = open_split(data, split)
        assert samples.label.tolist() == EXPECTED_LABELS
        np.testing.assert_array_equal(samples.distribution, np.eye(8, dtype=np.float32))
        np.testing.assert_allclose(samples.valence_arousal, np.array(EXPECTED_AFFECT, np.float32))
        assert samples.labels == LABELS and not samples.weak_affect
        assert samples.name == f"AffectNet {split}"


def test_2021_images_belong_to_their_rows(tree_2021):
    samples = read_affectnet(tree_2021, "train")
    gray = [int(samples.image(row).mean().round()) for row in range(len(samples))]
    assert gray == pytest.approx([20 * number for number, row in enumerate(ROWS) if row[0] < 8], abs=1)


def test_2017_is_cropped_to_the_face_box_and_given_as_rgb(tree_2017):
    image = read_affectnet(tree_2017, "validation").image(3)
    assert image.shape == (30, 40, 3)
    assert (image == (30, 20, 10)).all()


def test_ids_are_sorted_as_numbers(tree_2021):
    names = [path.stem for path in read_affectnet(tree_2021, "train").paths]
    assert names == sorted(names, key=int)


@pytest.mark.parametrize("content", [b"", b"no array", None], ids=["empty", "no array", "missing"])
def test_damaged_annotation_is_named(tree_2021, content):
    path = tree_2021 / "train_set/annotations/3_aro.npy"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert_one_fault(read_affectnet(tree_2021, "train"), path, "annotation is")


def assert_one_fault(samples, path, reason):
    """The image of the damaged annotation is left out and told, its neighbours stay."""
    assert [fault.path for fault in samples.findings.faults] == [path]
    assert reason in samples.findings.faults[0].reason
    assert "3.jpg" not in [path.name for path in samples.paths]
    assert len(samples) == len(EXPECTED_LABELS) - 1


def test_annotation_of_a_wrong_shape(tree_2021):
    path = tree_2021 / "train_set/annotations/3_exp.npy"
    np.save(path, np.zeros((2, 3)))
    assert_one_fault(read_affectnet(tree_2021, "train"), path, "shape 2x3")


def test_missing_expression_is_a_fault_not_a_shorter_data_set(tree_2021):
    path = tree_2021 / "train_set/annotations/3_exp.npy"
    path.unlink()
    assert_one_fault(read_affectnet(tree_2021, "train"), path, "missing")


@pytest.mark.parametrize("tree", ["tree_2021", "tree_2017"])
def test_ids_that_are_no_emotion_are_counted(tree, request):
    samples = read_affectnet(request.getfixturevalue(tree), "train")
    assert dict(samples.findings.dropped) == {
        "AffectNet's 'None' (8)": 1,
        "AffectNet's 'Uncertain' (9)": 1,
        "AffectNet's 'No-Face' (10)": 1,
    }


def test_annotation_that_carries_code_is_refused(tree_2021):
    np.save(tree_2021 / "train_set/annotations/3_aro.npy", np.array(object(), dtype=object), allow_pickle=True)
    path = tree_2021 / "train_set/annotations/3_aro.npy"
    assert_one_fault(read_affectnet(tree_2021, "train"), path, "not a single number")


def test_damaged_2017_row_is_named_with_its_line(tree_2017):
    table = tree_2017 / "training.csv"
    table.write_text(table.read_text() + "7/1.png,20,10,,30,1;2,1,0.5,0.5\n")
    samples = read_affectnet(tree_2017, "train")
    assert len(samples) == len(EXPECTED_LABELS)
    assert [fault.path for fault in samples.findings.faults] == [table]
    assert f"line {len(ROWS) + 2} is damaged" in samples.findings.faults[0].reason


def test_box_outside_the_image(tree_2017):
    table = tree_2017 / "training.csv"
    table.write_text(table.read_text() + "7/1.png,200,10,40,30,1;2,1,0.5,0.5\n")
    samples = read_affectnet(tree_2017, "train")
    with pytest.raises(EdgeError, match=r"1\.png: its face box \(200, 10, 40, 30\) lies outside the image"):
        samples.image(len(samples) - 1)


def test_box_that_reaches_over_the_border_is_cut(tree_2017):
    table = tree_2017 / "training.csv"
    table.write_text(table.read_text() + "7/1.png,-10,-5,40,30,1;2,1,0.5,0.5\n")
    samples = read_affectnet(tree_2017, "train")
    assert samples.image(len(samples) - 1).shape == (25, 30, 3)


def test_there_is_no_public_test_split(tree_2021, tmp_path):
    with pytest.raises(EdgeError, match="no public split 'test'"):
        read_affectnet(tree_2021, "test")


def test_another_layout_says_what_is_expected(tmp_path):
    assert not is_affectnet(tmp_path)
    with pytest.raises(EdgeError, match="neither train_set/ and val_set/"):
        read_affectnet(tmp_path, "train")
