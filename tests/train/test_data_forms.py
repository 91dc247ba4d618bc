"""AffectNet in each form people have it in: read, trained on through the command, and measured."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import read_bundle
from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.affectnet import find, is_affectnet
from train.data.opening import open_split

#: Where the heads are in the packaged portraits: x, y, side.
HEADS = {"hopper": (130, 70, 190), "collins": (190, 40, 120)}
MIRROR_NAMES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
TRAIN, VALIDATION = 3, 1


@pytest.fixture(scope="session")
def face(portraits):
    """A cut of a real face, different for each number: ``face(7)`` is BGR, ``[64, 64, 3]``."""

    def cut(number: int):
        name = ("hopper", "collins")[number % 2]
        x, y, side = HEADS[name]
        moved = portraits[name][y + number % 5 : y + side, x + number % 7 : x + side]
        picture = cv2.resize(moved, (64, 64), interpolation=cv2.INTER_AREA)
        return picture[:, ::-1] if number % 3 == 0 else picture

    return cut


def save(path: Path, picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def write_table(path: Path, header: list[str], rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows] if header else rows)


def tree_2021(root: Path, face) -> str:
    for split, count in (("train_set", TRAIN), ("val_set", VALIDATION)):
        for number in range(count * 9):  # the ninth is "None"
            annotations = root / split / "annotations"
            annotations.mkdir(parents=True, exist_ok=True)
            save(root / split / "images" / f"{number}.jpg", face(number))
            for kind, value in (("exp", str(number % 9)), ("val", 0.5 - number % 3 / 3), ("aro", -2.0)):
                np.save(annotations / f"{number}_{kind}.npy", np.array(value))
            np.save(annotations / f"{number}_lnd.npy", np.zeros(136))
    return f"affectnet:{root}"


def tree_2017(root: Path, face) -> str:
    """In the folders the archives unpack to; the validation table has no header, as it was given out."""
    header = "subDirectory_filePath face_x face_y face_width face_height facial_landmarks expression valence arousal"
    for name, count in (("training", TRAIN), ("validation", VALIDATION)):
        rows: list[list[object]] = []
        for number in range(count * 9):
            photograph = np.zeros((100, 120, 3), np.uint8)
            photograph[20:84, 30:94] = face(number)
            save(root / "Manually_Annotated_Images" / "12" / f"{name}{number}.jpg", photograph)
            rows.append([f"12/{name}{number}.jpg", 30, 20, 64, 64, "1;2", number % 9, 0.25, -0.5])
        place = root / "Manually_Annotated_file_lists" / f"{name}.csv"
        write_table(place, header.split() if name == "training" else [], rows)
    return f"affectnet:{root}"


def tree_pool(root: Path, face) -> str:
    """Class folders and a table with an index column, no split; a folder around it."""
    rows: list[list[object]] = []
    for number in range(8 * 10):
        pth = f"{MIRROR_NAMES[number % 8]}/image{number:07d}.jpg"
        save(root / "download" / pth, face(number))
        rows.append([number, pth, MIRROR_NAMES[number % 8], 0.87])
    rows[0][2] = "contempt"  # lies in the folder neutral
    write_table(root / "download" / "labels.csv", ["", "pth", "label", "relFCs"], rows)
    return f"affectnet:{root}"


def tree_splits(root: Path, face) -> str:
    """Capital split names as in some copies, no table."""
    for split, count in (("Train", TRAIN), ("Test", VALIDATION)):
        for number in range(count * 8):
            save(root / "archive (3)" / split / MIRROR_NAMES[number % 8] / f"{number}.png", face(number))
    return f"affectnet:{root}"


def tree_numbers(root: Path, face) -> str:
    """Numbered folders, and a table with numbers, valence and arousal."""
    for split, count in (("train", TRAIN), ("valid", VALIDATION)):
        rows: list[list[object]] = []
        for number in range(count * 8):
            pth = f"{number % 8}/{number}.jpg"
            save(root / split / pth, face(number))
            rows.append([pth, number % 8, 0.5, -2])
        write_table(root / split / "labels.csv", ["pth", "label", "valence", "arousal"], rows)
    return f"affectnet:{root}"


ORDER = "anger,disgust,fear,happy,neutral,sad,surprise,contempt"
FORMS = {
    "2021": (tree_2021, (), "AffectNet validation"),
    "2017": (tree_2017, (), "AffectNet validation"),
    "pool": (tree_pool, (), "AffectNet copy download, held out 10 % (seed 0)"),
    "splits": (tree_splits, (), "AffectNet copy archive (3) Test"),
    "numbers": (tree_numbers, ("--class-order", ORDER), "valid"),
}


@pytest.mark.parametrize(("build", "flags", "name"), FORMS.values(), ids=FORMS)
def test_each_form_is_trained_on_and_measured(build, flags, name, face, command, one_thread, tmp_path):
    pytest.importorskip("torch")
    data = build(tmp_path / "data", face)
    out = tmp_path / "run"
    tiny = ("--weights", "none", "--image-size", 32, "--epochs", 2, "--batch-size", 8, "--device", "cpu")
    result = command("--data", data, "--out", out, *tiny, *flags)
    assert result.exit_code == 0, result.output
    metrics = (out / "metrics.csv").read_text().splitlines()
    assert len(metrics) == 3
    config = read_bundle(out / "bundle").config
    assert config.labels == LABELS and "AffectNet" in config.training.data
    weak = build in (tree_pool, tree_splits)
    assert config.training.valence_arousal.startswith("weak" if weak else "the data set's own")
    measured = command("evaluate", out / "bundle", "--data", data, *flags, "--json", tmp_path / "figures.json")
    assert measured.exit_code == 0, measured.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert name in figures["data"]
    assert figures["samples"] == 8
    recorded = config.files["model_weights.pth"].metrics[0]
    assert figures["accuracy"] == recorded.accuracy
    if "aro" in str(figures["affect"]):
        assert ("arousal" in figures["affect"]) == (build is not tree_2021 and build is not tree_numbers)


@pytest.mark.parametrize("build", [tree_2021, tree_2017, tree_pool])
def test_layout_is_found_below_the_folder_given(build, face, tmp_path):
    inner = tmp_path / "a" / "b"
    build(inner, face)
    assert is_affectnet(tmp_path)
    assert find(tmp_path) == (inner / "download" if build is tree_pool else inner)
    samples = open_split(str(tmp_path), "train")  # the layout alone tells
    assert samples.name.startswith("AffectNet")
    if build is not tree_pool:
        assert sum(samples.findings.dropped.values()) == TRAIN  # the "None" ones


def test_two_data_sets_side_by_side_are_not_guessed_between(face, tmp_path):
    for name in ("one", "two"):
        tree_pool(tmp_path / name, face)
    with pytest.raises(EdgeError, match=r"holds several data sets: .*one.*two.*name one of them"):
        open_split(f"affectnet:{tmp_path}", "train")


def test_validation_table_without_a_header_loses_no_row(face, tmp_path):
    data = tree_2017(tmp_path, face)
    assert len(open_split(data, "validation")) == 8
    assert len(open_split(data, "train")) == TRAIN * 8


def test_the_table_wins_over_the_folder_and_it_is_counted(face, tmp_path):
    splits = [open_split(tree_pool(tmp_path, face), split) for split in ("train", "validation")]
    assert [samples.findings.disagreements for samples in splits] == [1, 0]
    labels = {
        path.stem: samples.labels[label]
        for samples in splits
        for path, label in zip(samples.paths, samples.label, strict=True)
    }
    assert labels["image0000000"] == "contempt"
    assert labels["image0000008"] == "neutral"


def test_drawn_validation_split_has_a_tenth_of_every_class_and_no_training_image(face, tmp_path):
    data = tree_pool(tmp_path, face)
    training, validation = (open_split(data, split) for split in ("train", "validation"))
    assert validation.counts.tolist() == [1] * 8
    assert len(training) == 72 and not set(training.paths) & set(validation.paths)
    assert open_split(data, "validation").paths == validation.paths


def test_numbers_need_an_order_and_then_mean_what_it_says(face, tmp_path):
    data = tree_numbers(tmp_path, face)
    with pytest.raises(EdgeError, match=r"a number does not tell which emotion.*--class-order"):
        open_split(data, "train")
    with pytest.raises(EdgeError, match="names 2 classes, but the numbers are 0, 1, 2"):
        open_split(data, "train", class_order=("anger", "fear"))
    samples = open_split(data, "validation", class_order=tuple(ORDER.split(",")))
    by_number = {
        int(path.parent.name): samples.labels[label] for path, label in zip(samples.paths, samples.label, strict=True)
    }
    assert [by_number[number] for number in range(4)] == ["anger", "disgust", "fear", "happiness"]
    assert samples.findings.disagreements == 0
    assert (samples.valence_arousal[:, 0] == 0.5).all() and np.isnan(samples.valence_arousal[:, 1]).all()


def test_folders_numbered_from_one(face, tmp_path):
    for split in ("train", "test"):
        for number in (1, 2, 3):
            save(tmp_path / split / str(number) / "a.jpg", face(number))
    samples = open_split(f"folder:{tmp_path}", "train", class_order=("surprise", "fear", "disgust"))
    assert [LABELS[label] for label in samples.label] == ["surprise", "fear", "disgust"]


def test_table_shared_by_two_splits(face, tmp_path):
    """A row fits the one split that has its image; one that fits both tells nothing; one that fits none is missing."""
    for name in ("train/anger/1.jpg", "train/anger/2.jpg", "test/anger/2.jpg", "test/fear/3.jpg"):
        save(tmp_path / name, face(len(name)))
    rows: list[list[object]] = [
        ["anger/1.jpg", "fear"],
        ["anger/2.jpg", "sad"],
        ["fear/3.jpg", "none"],
        ["fear/4.jpg", "fear"],
    ]
    write_table(tmp_path / "labels.csv", ["pth", "label"], rows)
    training, validation = (open_split(f"affectnet:{tmp_path}", split) for split in ("train", "validation"))
    assert [LABELS[label] for label in training.label] == ["fear", "anger"]
    assert training.findings.disagreements == 1
    assert any("fit images of two splits" in note for note in training.findings.notes)
    assert [fault.path.name for fault in training.findings.faults] == ["4.jpg"]
    assert [LABELS[label] for label in validation.label] == ["anger"]  # "none" is no emotion
    assert sum(validation.findings.dropped.values()) == 1 and not validation.findings.faults


@pytest.mark.parametrize(
    ("table", "header", "missing"),
    [
        ("download/labels.csv", "pth,relFCs", "label"),
        ("download/labels.csv", "file,label", "pth"),
    ],
)
def test_copy_whose_table_lacks_a_column(face, tmp_path, table, header, missing):
    data = tree_pool(tmp_path, face)
    (tmp_path / table).write_text(f"{header}\nanger/1.jpg,anger\n")
    with pytest.raises(EdgeError, match=rf"labels\.csv: no column {missing} \(it has"):
        open_split(data, "train")


def test_2017_table_that_lacks_a_column(face, tmp_path):
    data = tree_2017(tmp_path, face)
    table = tmp_path / "Manually_Annotated_file_lists/training.csv"
    table.write_text(table.read_text().replace("face_width", "width"))
    with pytest.raises(EdgeError, match=r"training\.csv: no column face_width"):
        open_split(data, "train")
