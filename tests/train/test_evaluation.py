from __future__ import annotations

import csv
import dataclasses
import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import msgspec  # noqa: E402

from edge.bundle import describe_file, read_bundle, write_config  # noqa: E402
from edge.errors import EdgeError  # noqa: E402
from edge.preprocess import resize  # noqa: E402
from train.data.opening import open_split  # noqa: E402
from train.evaluation import evaluate, evaluate_file  # noqa: E402
from train.predictions import predict, predict_split  # noqa: E402
from train.report import text  # noqa: E402


@pytest.fixture
def samples(colours, one_thread):
    return open_split(str(colours), "validation")


class Table:
    """An engine that answers image ``i`` with row ``i`` of a table."""

    name = "table"

    def __init__(self, logits, affect):
        self.rows = list(zip(logits, affect, strict=True))

    def run(self, images):
        taken, self.rows = self.rows[: len(images)], self.rows[len(images) :]
        return np.array([row[0] for row in taken]), np.array([row[1] for row in taken])

    def close(self):
        pass


def test_figures_by_hand(samples, bundle):
    config = read_bundle(bundle).config
    four = samples.take(np.array([0, 1, 24, 25]))  # happiness, happiness, sadness, sadness
    nan = np.nan
    four = dataclasses.replace(
        four,
        valence_arousal=np.array([[0.5, nan], [0.1, nan], [-0.5, nan], [nan, nan]], np.float32),
        weak_affect=False,
    )
    logits = np.eye(8, dtype=np.float32)[[1, 2, 2, 2]]
    affect = np.array([[0.5, 0.0], [0.3, 0.0], [-0.3, 0.0], [0.9, 0.0]], np.float32)
    result = evaluate(Table(logits, affect), config, four)
    assert (result.accuracy, result.samples, result.unlabelled) == (0.75, 4, 0)
    assert result.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    assert result.balanced_accuracy == 0.75
    assert result.precision[2] == pytest.approx(2 / 3) and np.isnan(result.precision[0])
    # Every image is given its class, or a wrong one, with the same confidence: e / (e + 7).
    confidence = np.e / (np.e + 7)
    assert result.ece == pytest.approx(abs(0.75 - confidence))
    assert result.nll == pytest.approx(-0.75 * np.log(confidence) + 0.25 * np.log(np.e + 7))
    assert result.recall[1] == 0.5 and result.recall[2] == 1.0 and np.isnan(result.recall[0])
    assert result.support == (0, 2, 2, 0, 0, 0, 0, 0)
    assert result.confusion[1] == (0, 1, 1, 0, 0, 0, 0, 0)
    assert set(result.affect) == {"valence"}  # nobody annotated arousal
    assert result.affect["valence"].samples == 3
    assert result.affect["valence"].mse == pytest.approx((0 + 0.04 + 0.04) / 3, abs=1e-6)
    assert result.affect["valence"].mae == pytest.approx(0.4 / 3, abs=1e-6)
    page = text(result)
    assert "accuracy            75.00 %  25.00 to 100.00" in page and "against the data set's annotations" in page
    json.dumps(result.record(), allow_nan=False)


def test_unlabelled_images_are_left_out_and_counted(samples, bundle):
    some = samples.take(np.arange(6))
    some = dataclasses.replace(some, label=np.array([1, 1, -1, -1, 1, 1]))
    right = np.eye(8, dtype=np.float32)[[1] * 4]
    result = evaluate(Table(right, np.zeros((4, 2), np.float32)), read_bundle(bundle).config, some)
    assert (result.samples, result.unlabelled, result.accuracy) == (4, 2, 1.0)
    assert "(2 without a label are left out)" in text(result)
    with pytest.raises(EdgeError, match="no image with a label"):
        evaluate(Table([], []), read_bundle(bundle).config, dataclasses.replace(some, label=np.full(6, -1)))


def test_network_that_answers_nan_is_no_result(samples, bundle):
    broken = Table(np.full((2, 8), np.nan, np.float32), np.zeros((2, 2), np.float32))
    with pytest.raises(EdgeError, match="no numbers"):
        evaluate(broken, read_bundle(bundle).config, samples.take(np.arange(2)))


def test_images_are_prepared_by_the_one_implementation(samples):
    seen = []

    def spy(images):
        seen.append(images.copy())
        return np.zeros((len(images), 8), np.float32), np.zeros((len(images), 2), np.float32)

    predict(spy, samples.take(np.arange(5)), 32, 16, batch=2)
    assert [len(images) for images in seen] == [2, 2, 1]
    expected = np.stack([resize(samples.image(row), 32, 16) for row in range(5)])
    np.testing.assert_array_equal(np.concatenate(seen), expected)


def test_bundle_gives_the_accuracy_its_config_records(command, bundle, colours, tmp_path, one_thread):
    result = command("evaluate", bundle, "--data", f"folder:{colours}", "--json", tmp_path / "figures.json")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    recorded = read_bundle(bundle).config.files["model_weights.pth"].metrics[0]
    assert (figures["accuracy"], figures["macro_f1"]) == (recorded.accuracy, recorded.macro_f1)
    assert figures["data"] == recorded.data and figures["samples"] == recorded.samples
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "nll"):
        low, high = figures["intervals"][name]
        assert low <= figures[name] <= high, name
    for affect in figures["affect"].values():
        for name, (low, high) in affect["intervals"].items():
            assert low <= affect[name] <= high, name
    assert "model_weights.pth in torch" in result.stdout and "95 % bootstrap interval" in result.stdout
    # No annotation stands behind a folder's valence and arousal, and the page says so.
    assert "against the weak signal: how well it was learnt, not how right it is" in result.stdout


@pytest.fixture(scope="module")
def exported(bundle, one_thread, tmp_path_factory):
    """The bundle with a TorchScript and an ONNX file beside the checkpoint."""
    pytest.importorskip("onnx")
    from edge.engines.torch import load_network

    folder = tmp_path_factory.mktemp("exported")
    shutil.copytree(bundle, folder, dirs_exist_ok=True)
    config = read_bundle(folder).config
    network = load_network(folder / "model_weights.pth", config)
    image = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    torch.jit.trace(network, image).save(str(folder / "model.pt"))
    torch.onnx.export(
        network,
        (image,),
        str(folder / "model.onnx"),
        input_names=["image"],
        output_names=["logits", "valence_arousal"],
        dynamic_axes={name: {0: "n"} for name in ("image", "logits", "valence_arousal")},
        dynamo=False,
    )
    files = {
        **config.files,
        "model.pt": describe_file(folder / "model.pt", "torchscript", "float32"),
        "model.onnx": describe_file(folder / "model.onnx", "onnx", "float32"),
    }
    write_config(folder, msgspec.structs.replace(config, files=files))
    return folder


@pytest.mark.parametrize(("name", "runtime"), [("model.pt", "torch"), ("model.onnx", "ONNX Runtime")])
def test_exported_formats_give_the_same_figures(exported, samples, name, runtime):
    if name == "model.onnx":
        pytest.importorskip("onnxruntime")
    reference, _, _ = evaluate_file(exported, samples)
    result, where, _ = evaluate_file(exported / name, samples)
    assert runtime in where and name in where
    assert result.confusion == reference.confusion
    assert result.affect["valence"].mse == pytest.approx(reference.affect["valence"].mse, abs=1e-4)


def test_limit_measures_a_part(command, bundle, colours, one_thread):
    result = command("evaluate", bundle, "--data", f"folder:{colours}", "--limit", 10)
    assert result.exit_code == 0 and ": 10 images" in result.stdout


def test_all_files_in_one_table(command, exported, colours, tmp_path, one_thread):
    pytest.importorskip("onnxruntime")
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / "model.pt").write_bytes(b"not what the config describes")
    data = ["--data", f"folder:{colours}", "--limit", 20]
    result = command("evaluate", folder, "--all", *data, "--json", tmp_path / "all.json")
    assert result.exit_code == 0, result.output
    rows = {row["file"]: row for row in json.loads((tmp_path / "all.json").read_text())["files"]}
    assert list(rows) == ["model_weights.pth", "model.pt", "model.onnx"]
    assert rows["model.onnx"]["agreement"] == 1.0 and rows["model_weights.pth"]["agreement"] is None
    assert rows["model.pt"]["evaluation"] is None and "is damaged" in rows["model.pt"]["problem"]
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line}
    assert "not measured: " in lines["model.pt"] and "100.00 %" in lines["model.onnx"]
    assert f"{100 * rows['model.onnx']['evaluation']['accuracy']:.2f} %" in lines["model.onnx"]
    assert_one_line(command("evaluate", folder / "model.onnx", "--all", *data), "name the folder")
    assert_one_line(command("evaluate", folder, "--all", *data, "--plots", tmp_path / "p"), "need one file")
    (folder / "model.onnx").unlink()
    (folder / "model_weights.pth").unlink()
    result = command("evaluate", folder, "--all", *data)
    *said, error = result.stderr.splitlines()
    assert result.exit_code == 2 and said == [f"measuring {name}" for name in rows]
    assert "no file could be measured; model_weights.pth: " in error


def reordered(samples, labels):
    """The same samples in a data set that numbers its classes in another order, or knows fewer."""
    order = np.array([labels.index(name) if name in labels else -1 for name in samples.labels])
    distribution = np.eye(len(labels), dtype=np.float32)[order[samples.label]]
    return dataclasses.replace(samples, labels=labels, label=order[samples.label], distribution=distribution)


def test_labels_are_matched_by_name(samples, bundle):
    config = read_bundle(bundle).config
    few = samples.take(np.array([0, 1, 24]))  # happiness, happiness, sadness
    logits, affect = np.eye(8, dtype=np.float32)[[1, 2, 2]], np.zeros((3, 2), np.float32)
    turned = evaluate(Table(logits, affect), config, reordered(few, samples.labels[::-1]))
    assert turned.confusion == evaluate(Table(logits, affect), config, few).confusion
    assert turned.notes == ()


def test_data_of_fewer_classes_is_measured_by_the_choice_among_all(samples, bundle):
    config = read_bundle(bundle).config
    few = reordered(samples.take(np.array([0, 1, 24])), ("sadness", "happiness"))
    logits = np.eye(8, dtype=np.float32)[[1, 7, 2]]  # contempt is no class of this data: still an answer, a wrong one
    result = evaluate(Table(logits, np.zeros((3, 2), np.float32)), config, few)
    assert (result.accuracy, result.labels) == (pytest.approx(2 / 3), config.labels)
    assert result.confusion[1][7] == 1
    assert "also knows neutral, surprise, fear, disgust, anger, contempt" in text(result)


def test_images_of_a_class_the_model_lacks_are_left_out_and_named(samples, bundle):
    config = msgspec.structs.replace(read_bundle(bundle).config, labels=("sadness", "neutral"))
    few = samples.take(np.array([0, 1, 24]))
    result = evaluate(Table(np.array([[1.0, 0.0]], np.float32), np.zeros((1, 2), np.float32)), config, few)
    assert (result.samples, result.accuracy, result.support) == (1, 1.0, (1, 0))
    assert result.data.endswith(", without happiness")
    assert "left out, since the model has no such class: 2 of happiness" in text(result)


def test_flip_answers_with_the_mean_of_picture_and_mirror(samples):
    def sides(images):  # brightness of the left and the right half
        halves = images[:, :, :16].mean((1, 2, 3)), images[:, :, 16:].mean((1, 2, 3))
        return np.stack(halves, axis=1).astype(np.float32), np.stack(halves, axis=1).astype(np.float32)

    few = samples.take(np.arange(3))
    plain, _ = predict(sides, few, 32, None)
    logits, affect = predict(sides, few, 32, None, mirror=True)
    np.testing.assert_allclose(logits, plain.mean(axis=1, keepdims=True).repeat(2, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(logits, affect)
    assert np.abs(plain - logits).max() > 0.1


def test_flip_is_said_and_other_words_are_refused(command, bundle, colours, one_thread):
    data = ["--data", f"folder:{colours}", "--limit", 4]
    assert "mean of picture and mirror" in command("evaluate", bundle, *data, "--tta", "flip").stdout
    assert_one_line(command("evaluate", bundle, *data, "--tta", "rotate"), "--tta rotate: use one of none, flip")


def test_predictions_as_a_table(command, bundle, colours, samples, tmp_path, one_thread):
    result = command("evaluate", bundle, "--data", f"folder:{colours}", "--predictions", tmp_path / "p.csv")
    assert result.exit_code == 0, result.output
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [str(path) for path in samples.paths]
    config = read_bundle(bundle).config
    _, _, found = evaluate_file(bundle, samples)
    for number, row in enumerate(rows):
        assert row["truth"] == samples.labels[samples.label[number]]
        probabilities = [float(row[f"p_{label}"]) for label in config.labels]
        assert sum(probabilities) == pytest.approx(1, abs=1e-4)
        assert row["predicted"] == config.labels[int(np.argmax(probabilities))]
        assert float(row["valence"]) == pytest.approx(found.valence_arousal[number, 0], rel=1e-4)
        assert float(row["arousal_truth"]) == pytest.approx(samples.valence_arousal[number, 1], rel=1e-4)


def test_what_nobody_annotated_is_an_empty_cell(samples, bundle, tmp_path):
    from train.predictions import write_predictions

    two = samples.take(np.array([0, 1]))
    two = dataclasses.replace(two, valence_arousal=np.array([[np.nan, 0.5], [0.25, np.nan]], np.float32))
    table = Table(np.eye(8, dtype=np.float32)[[1, 1]], np.zeros((2, 2), np.float32))
    write_predictions(predict_split(table, read_bundle(bundle).config, two), tmp_path / "p.csv")
    ends = [line.split(",")[-2:] for line in (tmp_path / "p.csv").read_text().splitlines()]
    assert ends == [["valence_truth", "arousal_truth"], ["", "0.5"], ["0.25", ""]]


def assert_one_line(result, part: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ") and len(result.stderr.splitlines()) == 1
    assert part in result.stderr


def changed(bundle: Path, target: Path, **changes: object) -> Path:
    """A copy of the bundle with another config and the right hashes."""
    shutil.copytree(bundle, target)
    config = read_bundle(target).config
    files = {"model_weights.pth": describe_file(target / "model_weights.pth", "pth", "float32")}
    write_config(target, msgspec.structs.replace(config, files=files, **changes))
    return target


def test_missing_and_unlisted_files(command, bundle, colours, tmp_path):
    data = ["--data", f"folder:{colours}"]
    assert_one_line(command("evaluate", tmp_path / "none", *data), "no such bundle or model file")
    assert_one_line(command("evaluate", tmp_path, *data), "model_config.json is missing")
    stray = shutil.copytree(bundle, tmp_path / "copy") / "stray.onnx"
    stray.write_bytes(b"")
    assert_one_line(command("evaluate", stray, *data), "stray.onnx: not listed")
    assert_one_line(command("evaluate", bundle, "--data", tmp_path / "nothing"), "no such folder")
    assert_one_line(command("evaluate", bundle, *data, "--split", "holdout"), "no split 'holdout'")


def test_damaged_weights(command, bundle, colours, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "copy")
    content = bytearray((folder / "model_weights.pth").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model_weights.pth").write_bytes(content)
    assert_one_line(command("evaluate", folder, "--data", f"folder:{colours}"), "model_weights.pth is damaged")


def test_config_that_does_not_fit_its_weights(command, bundle, colours, tmp_path, one_thread):
    folder = changed(bundle, tmp_path / "copy", architecture="resnet18")
    assert_one_line(command("evaluate", folder, "--data", f"folder:{colours}"), "does not fit its config (resnet18")


def test_model_of_other_labels(samples, bundle, tmp_path):
    folder = changed(bundle, tmp_path / "copy", labels=tuple("abcdefgh"))
    with pytest.raises(EdgeError, match="knows a, b, c, d, e, f, g, h; the data"):
        evaluate_file(folder, samples)


@pytest.mark.parametrize("plain", [True, False], ids=["plain pickle", "torch archive"])
def test_weights_that_carry_code_are_not_executed(command, bundle, colours, tmp_path, plain, trap, one_thread):
    folder = shutil.copytree(bundle, tmp_path / "copy")
    code, executed = trap
    if plain:
        (folder / "model_weights.pth").write_bytes(pickle.dumps(code))
    else:
        torch.save({"weight": code}, folder / "model_weights.pth")
    changed(folder, tmp_path / "listed")
    result = command("evaluate", tmp_path / "listed", "--data", f"folder:{colours}")
    assert_one_line(result, "refused, it holds more than tensors")
    assert not executed.exists()


def test_unreadable_image_is_named(command, bundle, colours, tmp_path, one_thread):
    data = tmp_path / "data"
    shutil.copytree(colours, data)
    cv2.imwrite(str(data / "val/sad/003.png"), np.zeros((4, 4, 3), np.uint8))
    (data / "val/sad/004.png").unlink()
    (data / "val/sad/004.png").mkdir()
    assert_one_line(command("evaluate", bundle, "--data", f"folder:{data}"), "val/sad/004.png: missing or not a")


def test_json_that_cannot_be_written(command, bundle, colours, tmp_path, one_thread):
    (tmp_path / "file").write_text("")
    result = command("evaluate", bundle, "--data", f"folder:{colours}", "--json", tmp_path / "file/x.json")
    assert_one_line(result, "cannot write")
