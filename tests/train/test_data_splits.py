"""Classes, hold-out and what a run is told about its data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import read_bundle
from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.classes import parse_classes, restrict
from train.data.ferplus import COLUMNS, FOLDERS
from train.data.holdout import hold_out
from train.data.opening import open_split
from train.data.samples import Samples
from train.splits import Choice, open_splits


def table(labels: list[int], votes: list[list[float]] | None = None) -> Samples:
    """Rows without files; the path tells the row."""
    label = np.array(labels)
    distribution = np.eye(8)[np.maximum(label, 0)] if votes is None else np.array(votes)
    return Samples(
        name="FER+ train",
        paths=[Path(str(row)) for row in range(len(labels))],
        distribution=distribution.astype(np.float32),
        label=label,
        valence_arousal=np.zeros((len(labels), 2), np.float32),
    )


def test_seven_classes_are_the_eight_without_contempt():
    votes = [
        [0.5, 0, 0, 0, 0, 0, 0, 0.5],
        [0, 0, 0, 0, 0, 0, 0.25, 0.75],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0.2, 0, 0, 0, 0, 0.6, 0.2],
    ]
    samples = restrict(table([-1, 7, -1, 6], votes), Choice(num_classes=7).labels())
    assert samples.labels == LABELS[:7]
    assert [path.name for path in samples.paths] == ["0", "3"]  # labelled contempt, or nothing but contempt: gone
    assert samples.label.tolist() == [-1, 6]
    np.testing.assert_allclose(samples.distribution, [[1, 0, 0, 0, 0, 0, 0], [0, 0.25, 0, 0, 0, 0, 0.75]])
    assert sum(samples.findings.dropped.values()) == 2


def test_classes_in_an_order_of_ones_own():
    samples = restrict(table([0, 1, 2, 3]), parse_classes("Sad, happy"))
    assert samples.labels == ("sadness", "happiness")
    assert samples.label.tolist() == [1, 0]
    assert samples.distribution.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(classes="happiness"), "name two or more different classes"),
        (Choice(classes="happy,joy"), "name two or more different classes"),
        (Choice(classes="happy,sad", num_classes=7), "give one of them"),
        (Choice(num_classes=9), "--num-classes 9: choose 2 to 8"),
    ],
)
def test_choices_that_make_no_sense(choice, message):
    with pytest.raises(EdgeError, match=message):
        choice.labels()


def test_class_the_data_does_not_know():
    with pytest.raises(EdgeError, match="no class bored; it has neutral"):
        restrict(table([0, 1]), ("bored", "neutral"))


def test_hold_out_takes_its_share_of_every_class_and_of_the_unlabelled():
    samples = table([0] * 100 + [1] * 20 + [7] * 3 + [2] + [-1] * 10)
    rest, held = hold_out(samples, 0.1, seed=0)
    assert held.label.tolist() == [0] * 10 + [1] * 2 + [7] + [-1]  # the only sad one stays
    assert sorted(int(path.name) for path in [*rest.paths, *held.paths]) == list(range(134))
    assert held.name == "FER+ train, held out 10 % (seed 0)"
    assert rest.name == "FER+ train without the held-out 10 % (seed 0)"
    assert hold_out(samples, 0.1, seed=0)[1].paths == held.paths
    assert hold_out(samples, 0.1, seed=1)[1].paths != held.paths


def test_what_a_class_gives_does_not_depend_on_the_others():
    """Rows of class 1 keep their order while those of class 0 come and go in between."""
    mixed, alone = table([0, 1] * 30), table([1] * 30)
    of_mixed = [int(path.name) // 2 for path in hold_out(mixed, 0.2, 3)[1].paths if int(path.name) % 2]
    assert of_mixed == [int(path.name) for path in hold_out(alone, 0.2, 3)[1].paths]


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_impossible_shares(share):
    with pytest.raises(EdgeError, match="choose one between 0 and 1"):
        hold_out(table([0, 0]), share, 0)


def test_run_on_held_out_images_does_not_open_the_validation_split(colours, tmp_path, options, command, one_thread):
    import shutil

    data = shutil.copytree(colours, tmp_path / "data")
    shutil.rmtree(data / "val")
    out = tmp_path / "run"
    result = command("--data", f"folder:{data}", "--out", out, *options, "--epochs", 1, "--hold-out", 0.25)
    assert result.exit_code == 0, result.output
    config = read_bundle(out / "bundle").config
    measured = config.files["model_weights.pth"].metrics[0]
    assert measured.data == "data train, held out 25 % (seed 0)" and measured.samples == 48
    assert not (out / "skipped_images.csv").exists()  # nothing was damaged
    assert config.training.data == "data train without the held-out 25 % (seed 0)"


def write(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((12, 12, 3), number, np.uint8))


def test_empty_class_is_said(tmp_path):
    write(
        tmp_path, *(f"{split}/{name}/{i}.png" for split in ("train", "val") for name in ("happy", "sad") for i in "ab")
    )
    (tmp_path / "train/fear").mkdir()
    write(tmp_path, "train/anger/a.png")
    notes = "\n".join(open_splits(f"folder:{tmp_path}", Choice()).notes)
    assert "no image of neutral, surprise, fear, disgust, contempt; the network cannot learn them" in notes
    assert "no image of anger; how well they are read stays unknown" in notes
    assert (
        open_splits(f"folder:{tmp_path}", Choice(classes="happy,sad"))
        .notes[0]
        .startswith(f"{tmp_path.name} train: 1 left out")
    )
    with pytest.raises(EdgeError, match="no image of fear; leave it out"):
        open_splits(f"folder:{tmp_path}", Choice(classes="happy,fear,sad"))


def test_one_class_is_nothing_to_learn(tmp_path):
    write(tmp_path, "train/happy/a.png", "val/happy/a.png")
    with pytest.raises(EdgeError, match="images of only happiness; a network needs two classes or more"):
        open_splits(f"folder:{tmp_path}", Choice())


def test_classes_that_are_no_emotions_are_trained_and_measured(tmp_path, options, command, one_thread, portraits):
    pytest.importorskip("torch")
    for split, count in (("train", 8), ("val", 2)):
        for name, person in (("Open", "hopper"), ("closed", "collins"), ("happy", "hopper")):
            for number in range(count):
                path = tmp_path / "eyes" / split / name / f"{number}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), portraits[person][50 + number : 300, 60:350])
    data, out = f"folder:{tmp_path / 'eyes'}", tmp_path / "run"
    samples = open_split(data, "train", ("closed", "open"))
    assert samples.labels == ("closed", "open") and samples.counts.tolist() == [8, 8]
    assert np.isnan(samples.valence_arousal).all() and samples.affect_source.startswith("none")
    mixed = open_split(data, "train", ("open", "happiness"))
    assert np.isfinite(mixed.valence_arousal).all(axis=1).tolist() == (mixed.label == 1).tolist()
    result = command("--data", data, "--out", out, *options, "--epochs", 2, "--classes", "closed,open")
    assert result.exit_code == 0, result.output
    config = read_bundle(out / "bundle").config
    assert config.labels == ("closed", "open") and config.training.valence_arousal.startswith("none")
    measured = command("evaluate", out / "bundle", "--data", data)  # the model says which classes
    assert measured.exit_code == 0 and ": 4 images" in measured.stdout, measured.output
    assert "valence" not in measured.stdout


@pytest.fixture(scope="module")
def small_ferplus(ferplus_pack, tmp_path_factory) -> Path:
    """120 training and 60 validation images of FER+, real votes, contempt among them, in Microsoft's layout."""
    root = tmp_path_factory.mktemp("ferplus")
    with np.load(ferplus_pack) as pack:
        blob, offsets, votes, split = pack["webp"].tobytes(), pack["offsets"], pack["votes"], pack["split"]
    for number, (name, count) in enumerate((("train", 120), ("validation", 60))):
        folder = root / FOLDERS[name]
        folder.mkdir()
        rows = np.flatnonzero(split == number)
        contempt = rows[votes[rows][:, COLUMNS.index("contempt")] > 5][:5]
        chosen = np.union1d(rows[: count - len(contempt)], contempt)
        lines = []
        for row in chosen:
            data = np.frombuffer(blob[offsets[row] : offsets[row + 1]], np.uint8)
            cv2.imwrite(str(folder / f"{row}.png"), cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
            lines.append(f'{row}.png,"(0, 0, 48, 48)",{",".join(map(str, votes[row].tolist()))}')
        (folder / "label.csv").write_text("\n".join(lines) + "\n")
    return root


def test_seven_classes_of_ferplus_through_the_command(small_ferplus, options, command, one_thread, tmp_path):
    pytest.importorskip("torch")
    data, out = f"ferplus:{small_ferplus}", tmp_path / "run"
    whole, seven = (open_split(data, "train", classes) for classes in (None, LABELS[:7]))
    assert whole.counts[7] >= 3
    assert whole.counts[:7].tolist() == seven.counts.tolist()
    np.testing.assert_allclose(seven.distribution.sum(axis=1), 1, rtol=1e-6)
    more = ("--epochs", 2, "--num-classes", 7, "--gray")
    result = command("--data", data, "--out", out, *options, *more, "--batch-size", 16)
    assert result.exit_code == 0, result.output
    assert read_bundle(out / "bundle").config.labels == LABELS[:7]
    measured = command("evaluate", out / "bundle", "--data", data)
    assert measured.exit_code == 0 and "contempt" not in measured.stdout, measured.output


def test_limit_comes_after_the_choice_and_repeats(colours):
    first, again = (open_splits(f"folder:{colours}", Choice(), limit=10, seed=4) for _ in range(2))
    assert len(first.training) == 10 and first.training.paths == again.training.paths
    assert dataclasses.replace(first.training, paths=[]).labels == LABELS
