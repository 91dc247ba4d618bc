"""edge-bench formats on a bundle of small networks: some run, some are damaged, one has no runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from bench.formats import Report, measure_formats
from bench.inputs import data_inputs, noise_inputs
from bench.table import margin, show
from edge.bundle import Crop, describe_file, read_bundle, write_config
from edge.errors import EdgeError
from edge.labels import LABELS

HAPPINESS, SURPRISE = LABELS.index("happiness"), LABELS.index("surprise")
#: What the faces of the data set below show, in order; column of label.csv among its ten vote counts.
SHOWN = ["happiness"] * 5 + ["neutral"] * 2 + ["surprise"] * 3
VOTE_COLUMNS = {"neutral": 0, "happiness": 1, "surprise": 2}


def network(favourite: int) -> Any:
    """A random network that calls every face ``favourite``."""
    import torch

    from edge.engines.network import EmotionNetwork, NetworkSpec

    torch.manual_seed(0)
    result = EmotionNetwork(NetworkSpec("mobilenet_v3_small")).eval()
    with torch.no_grad():
        result.emotion.bias[favourite] = 100.0
    return result


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint (happiness), ONNX (surprise), a .pt whose bytes changed, a .tflite and a .h5 that never were any."""
    from quantize.export.onnx import export_onnx
    from train.checkpoint import save_bundle
    from train.data.samples import Samples

    folder = tmp_path_factory.mktemp("bundle")
    none = np.zeros((0, 8), np.float32)
    samples = Samples("nothing", [], none, np.zeros(0, np.int64), np.zeros((0, 2), np.float32))
    config = save_bundle(network(HAPPINESS), folder, name="tiny", size=32, crop=Crop(), samples=samples)
    export_onnx(network(SURPRISE), folder / "model.onnx", config)
    for name in ("model.pt", "model.tflite", "model.h5"):
        (folder / name).write_bytes(b"no model at all")
    files = {
        **config.files,
        "model.onnx": describe_file(folder / "model.onnx", "onnx", "float32"),
        "model.pt": describe_file(folder / "model.pt", "torchscript", "float32"),
        "model.tflite": describe_file(folder / "model.tflite", "tflite", "float32"),
        "model.h5": describe_file(folder / "model.h5", "keras", "float32"),
    }
    write_config(folder, msgspec.structs.replace(config, files=files))
    (folder / "model.pt").write_bytes(b"bytes that rot ")
    return folder


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten noise pictures in FER+'s layout."""
    root = tmp_path_factory.mktemp("ferplus")
    folder = root / "FER2013Valid"
    folder.mkdir()
    rows = []
    for number, label in enumerate(SHOWN):
        picture = np.random.default_rng(number).integers(0, 256, (48, 48), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        votes = ["0"] * 10
        votes[VOTE_COLUMNS[label]] = "10"
        rows.append(f'{number}.png,"(0, 0, 48, 48)",{",".join(votes)}')
    (folder / "label.csv").write_text("\n".join(rows) + "\n")
    return root


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def run(bundle: Path, faces: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """One run of the command with data: what it printed, and what it wrote."""
    written = tmp_path_factory.mktemp("out") / "report.json"
    done = command("formats", bundle, "--data", f"ferplus:{faces}", "--seconds", "0.3", "--json", written)
    assert done.returncode == 0, done.stderr
    msgspec.json.decode(written.read_bytes(), type=Report)
    return done.stdout, json.loads(written.read_text())


def test_rows_and_reasons(run: tuple[str, dict[str, Any]]) -> None:
    printed, report = run
    assert [(row["file"], row["status"]) for row in report["rows"]] == [
        ("model.h5", "failed"),
        ("model.onnx", "measured"),
        ("model.pt", "failed"),
        ("model.tflite", "failed"),
        ("model_weights.pth", "measured"),
    ]
    rows = {row["file"]: row for row in report["rows"]}
    assert "sha256" in rows["model.pt"]["reason"]
    assert "not a readable TFLite model" in rows["model.tflite"]["reason"]
    assert "not a readable Keras file" in rows["model.h5"]["reason"]
    for row in report["rows"]:
        assert row["reason"] is None or row["reason"] in printed
    assert "quick" not in printed


def test_accuracy_and_agreement(run: tuple[str, dict[str, Any]]) -> None:
    _, report = run
    rows = {row["file"]: row for row in report["rows"]}
    checkpoint, onnx = rows["model_weights.pth"], rows["model.onnx"]
    assert report["images"] == len(SHOWN)
    assert report["reference"] == "model_weights.pth"
    assert (checkpoint["accuracy"], checkpoint["agreement"]) == (0.5, None)
    assert (onnx["accuracy"], onnx["agreement"]) == (0.3, 0.0)
    # happiness: 2 * 5 / (2 * 5 + 5); neutral and surprise are never said: F1 0. Mean of three classes that occur.
    assert checkpoint["macro_f1"] == pytest.approx(2 / 3 / 3)


def test_figures_hang_together(run: tuple[str, dict[str, Any]], bundle: Path) -> None:
    _, report = run
    for row in report["rows"]:
        found = row["measurement"]
        if found is None:
            continue
        assert row["size_mb"] == pytest.approx((bundle / row["file"]).stat().st_size / 1e6)
        assert 0 < found["p50_ms"] <= found["p90_ms"]
        assert (found["p99_ms"] is None) == (found["timed"] < 100)
        assert found["p99_ms"] is None or found["p90_ms"] <= found["p99_ms"]
        assert found["load_ms"] > 0 and found["first_ms"] > 0
        assert found["timed"] >= 10
        assert found["per_second"] > 0
    assert report["environment"]["packages"]["numpy"] == np.__version__
    assert {"cpu", "os", "python", "architecture"} <= set(report["environment"])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_is_the_workers_own(run: tuple[str, dict[str, Any]]) -> None:
    """PyTorch weighs some 200 MB more than ONNX Runtime; in one process both would report the same peak."""
    rows = {row["file"]: row["measurement"] for row in run[1]["rows"]}
    checkpoint, onnx = rows["model_weights.pth"], rows["model.onnx"]
    assert onnx["base_rss_mb"] < onnx["peak_rss_mb"] < checkpoint["peak_rss_mb"] - 50
    assert abs(onnx["base_rss_mb"] - checkpoint["base_rss_mb"]) < 20


def test_a_fat_parent_does_not_show(bundle: Path) -> None:
    ballast = np.ones(400_000_000, np.uint8)
    opened = only(bundle, "model.onnx")
    report = measure_formats(opened, noise_inputs(opened.config), seconds=0.1)
    assert ballast.all()
    found = report.rows[0].measurement
    assert found is not None
    assert found.peak_rss_mb is None or found.peak_rss_mb < 400


def only(folder: Path, name: str) -> Any:
    """The bundle, with one file listed."""
    opened = read_bundle(folder)
    files = {name: opened.config.files[name]}
    return msgspec.structs.replace(opened, config=msgspec.structs.replace(opened.config, files=files))


def test_without_data_and_without_a_runtime(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    opened = read_bundle(bundle)
    report = measure_formats(opened, noise_inputs(opened.config), seconds=0.1, quick=True)
    rows = {row.file: row for row in report.rows}
    assert rows["model_weights.pth"].status == "no runtime"
    assert rows["model.onnx"].status == "measured"
    assert rows["model.onnx"].accuracy is None
    assert report.reference == "model.onnx"
    text = show(report)
    assert "noise (seed 0), no faces: accuracy was not measured" in text
    assert "quick: rough figures" in text
    assert "model_weights.pth  no runtime: this model file needs PyTorch" in text


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "the runtime crashed (SIGILL)"),
        ("import os; os._exit(3)", "the worker ended with exit code 3"),
        ("raise RuntimeError('wrong numpy')", "RuntimeError: wrong numpy"),
    ],
)
def test_a_broken_runtime_is_a_row(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, reason: str
) -> None:
    (tmp_path / "onnxruntime.py").write_text(runtime)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    opened = only(bundle, "model.onnx")
    (row,) = measure_formats(opened, noise_inputs(opened.config), seconds=0.1).rows
    assert row.status == "failed"
    assert row.reason is not None and row.reason.startswith(reason)


def test_noise_is_the_same_everywhere(bundle: Path) -> None:
    config = read_bundle(bundle).config
    first, second = noise_inputs(config), noise_inputs(config)
    assert first.truth is None
    assert np.array_equal(first.images, second.images)
    assert first.images.shape == (64, 32, 32, 3)
    assert len(np.unique(first.images.reshape(64, -1), axis=0)) == 64


def test_faces_are_matched_by_name(bundle: Path, faces: Path) -> None:
    config = read_bundle(bundle).config
    everything = data_inputs(config, f"ferplus:{faces}", "validation", 0)
    assert everything.truth is not None
    assert [config.labels[c] for c in everything.truth] == SHOWN
    assert everything.images.shape == (10, 32, 32, 3)

    other = msgspec.structs.replace(config, labels=("surprise", "happiness"))
    known = data_inputs(other, f"ferplus:{faces}", "validation", 0)
    assert known.truth is not None
    assert known.truth.tolist() == [1] * 5 + [0] * 3
    assert "2 more carry labels the model does not know" in known.description

    some = data_inputs(config, f"ferplus:{faces}", "validation", 4)
    assert len(some.images) == 4 and "4 of 10 labelled faces" in some.description

    with pytest.raises(EdgeError, match="no image of split validation carries one of the model's labels"):
        data_inputs(msgspec.structs.replace(config, labels=("fear", "anger")), f"ferplus:{faces}", "validation", 0)


@pytest.mark.parametrize(
    ("share", "count", "expected"),
    [(0.5, 100, 0.0962), (0.9, 1000, 0.0186), (1.0, 10, 0.1388), (0.0, 10, 0.1388)],
)
def test_margin(share: float, count: int, expected: float) -> None:
    assert margin(share, count) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["formats", "nowhere"], "model_config.json is missing"),
        (["formats", "BUNDLE", "--data", "ferplus:nowhere"], "no such folder"),
        (["formats", "BUNDLE", "--data", "ferplus:FACES", "--split", "spring"], "no split 'spring'"),
        (["formats", "BUNDLE", "--threads", "0"], "'--threads'"),
    ],
)
def test_mistakes_end_in_one_line(bundle: Path, faces: Path, arguments: list[str], message: str) -> None:
    filled = [text.replace("BUNDLE", str(bundle)).replace("FACES", str(faces)) for text in arguments]
    done = command(*filled)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_of_which_nothing_runs(bundle: Path, tmp_path: Path) -> None:
    opened = only(bundle, "model.tflite")
    (tmp_path / "model.tflite").write_bytes((bundle / "model.tflite").read_bytes())
    write_config(tmp_path, opened.config)
    done = command("formats", tmp_path, "--quick")
    assert done.returncode == 2
    assert "model.tflite  failed: " in done.stdout
    assert done.stderr.splitlines()[-1] == f"error: {tmp_path}: no file could be measured; the reasons stand above"

    write_config(tmp_path, msgspec.structs.replace(opened.config, files={}))
    done = command("formats", tmp_path)
    assert done.returncode == 2
    assert "make some with edge-quantize" in done.stderr
