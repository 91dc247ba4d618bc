"""edge-bench formats on a bundle of small networks: some run, some are damaged, one has no runtime."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from bench.effort import QUICK, Effort
from bench.formats import measure_formats
from bench.gate import violations
from bench.inputs import Inputs, data_inputs, face_inputs
from bench.result import Result, Row, read_result
from bench.table import margin, show
from edge.bundle import Crop, describe_file, read_bundle, write_config
from edge.errors import EdgeError
from edge.labels import LABELS

#: Enough to see that something was measured.
SHORT = Effort("quick", 10, 0.1, 1)
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
def run(bundle: Path, faces: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Result]:
    """One run of the command with data and limits that are broken: what it printed, and what it wrote."""
    written = tmp_path_factory.mktemp("out") / "report.json"
    limits = ("--min-accuracy", "40", "--max-latency-ratio", "1000")
    done = command("formats", bundle, "--data", f"ferplus:{faces}", "--quick", "--json", written, *limits)
    assert done.returncode == 1, done.stderr
    return done.stdout, read_result(written)


def by_file(result: Result) -> dict[str, Row]:
    return {str(row.settings["file"]): row for row in result.rows}


def test_rows_and_reasons(run: tuple[str, Result]) -> None:
    printed, result = run
    assert [(row.key, row.status) for row in result.rows] == [
        ("mobilenet_v3_small/model.h5/1 thread", "failed"),
        ("mobilenet_v3_small/model.onnx/1 thread", "measured"),
        ("mobilenet_v3_small/model.pt/1 thread", "failed"),
        ("mobilenet_v3_small/model.tflite/1 thread", "failed"),
        ("mobilenet_v3_small/model_weights.pth/1 thread", "measured"),
    ]
    rows = by_file(result)
    assert "sha256" in (rows["model.pt"].reason or "")
    assert "not a readable TFLite model" in (rows["model.tflite"].reason or "")
    assert "not a readable Keras file" in (rows["model.h5"].reason or "")
    for row in result.rows:
        assert row.reason is None or row.reason in printed
    assert "quick: rough figures" in printed and result.mode == "quick"


def test_accuracy_and_agreement(run: tuple[str, Result]) -> None:
    _, result = run
    rows = by_file(result)
    checkpoint, onnx = rows["model_weights.pth"], rows["model.onnx"]
    assert checkpoint.images == len(SHOWN)
    assert result.reference == checkpoint.key == onnx.settings["reference"]
    assert (checkpoint.accuracy, checkpoint.agreement) == (0.5, None)
    assert (onnx.accuracy, onnx.agreement) == (0.3, 0.0)
    # happiness: 2 * 5 / (2 * 5 + 5); neutral and surprise are never said: F1 0. Mean of three classes that occur.
    assert checkpoint.macro_f1 == pytest.approx(2 / 3 / 3)


def test_figures_hang_together(run: tuple[str, Result], bundle: Path) -> None:
    _, result = run
    for name, row in by_file(result).items():
        timing = row.timing
        if timing is None:
            continue
        assert row.size_mb == pytest.approx((bundle / name).stat().st_size / 1e6)
        assert 0 < timing.p50_ms <= timing.p90_ms
        assert (timing.p99_ms is None) == (timing.count < 100)
        assert timing.p99_ms is None or timing.p90_ms <= timing.p99_ms
        assert (row.load_ms or 0) > 0 and (row.first_ms or 0) > 0 and (row.cpu_ms or 0) > 0
        assert timing.count >= QUICK.queries
        assert timing.seconds * timing.per_second == pytest.approx(timing.count)
        assert len(timing.blocks) == len(timing.lows) == len(timing.yardstick) == QUICK.blocks
        assert all(low <= middle for low, middle in zip(timing.lows, timing.blocks, strict=True))
    assert result.environment.packages["numpy"] == np.__version__
    assert result.noise is not None and result.noise >= 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_is_the_workers_own(run: tuple[str, Result]) -> None:
    """PyTorch weighs some 200 MB more than ONNX Runtime; in one process both would report the same peak."""
    rows = by_file(run[1])
    checkpoint, onnx = rows["model_weights.pth"], rows["model.onnx"]
    assert onnx.base_mb and onnx.peak_mb and checkpoint.base_mb and checkpoint.peak_mb
    assert onnx.base_mb < onnx.peak_mb < checkpoint.peak_mb - 50
    assert abs(onnx.base_mb - checkpoint.base_mb) < 20


def test_a_fat_parent_does_not_show(bundle: Path) -> None:
    ballast = np.ones(400_000_000, np.uint8)
    (row,) = measure(only(bundle, "model.onnx")).rows
    assert ballast.all()
    assert row.timing is not None
    assert row.peak_mb is None or row.peak_mb < 400


def only(folder: Path, *names: str) -> Any:
    """The bundle, with some files listed."""
    opened = read_bundle(folder)
    files = {name: opened.config.files[name] for name in names}
    return msgspec.structs.replace(opened, config=msgspec.structs.replace(opened.config, files=files))


def measure(opened: Any, effort: Effort = SHORT, **options: Any) -> Result:
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    return measure_formats([opened], [Inputs(images, None, "no faces at all")], effort, **options)


def test_without_data_and_without_a_runtime(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = measure(read_bundle(bundle))
    rows = by_file(result)
    assert rows["model_weights.pth"].status == "no runtime"
    assert rows["model.onnx"].status == "measured"
    assert rows["model.onnx"].accuracy is None
    assert result.reference == rows["model.onnx"].key
    text = show(result)
    assert "inputs: no faces at all" in text
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
    (row,) = measure(only(bundle, "model.onnx")).rows
    assert row.status == "failed"
    assert row.reason is not None and row.reason.startswith(reason)


def test_threads_bundles_and_their_keys(bundle: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(bundle, twin)
    here, there = only(bundle, "model.onnx"), only(twin, "model.onnx")
    images = Inputs(np.zeros((1, 32, 32, 3), np.uint8), None, "black")
    result = measure_formats([here, there], [images, images], SHORT, threads=[1, 2, 2])
    model = "mobilenet_v3_small"
    assert [row.key for row in result.rows] == [
        f"{model}/model.onnx/1 thread",
        f"{model}/model.onnx/2 threads",
        f"{model} (twin)/model.onnx/1 thread",
        f"{model} (twin)/model.onnx/2 threads",
    ]
    assert [row.settings["reference"] for row in result.rows] == [result.rows[0].key] * 2 + [result.rows[2].key] * 2
    with pytest.raises(EdgeError, match="measured already; leave one out"):
        measure_formats([here, there, there], [images] * 3, SHORT)
    with pytest.raises(EdgeError, match="--reference: no bundle lists model_int8"):
        measure(here, reference="model_int8.onnx")


def test_portraits_never_repeat(bundle: Path) -> None:
    config = read_bundle(bundle).config
    first, second = face_inputs(config), face_inputs(config)
    assert first.truth is None
    assert np.array_equal(first.images, second.images)
    assert first.images.shape == (768, 32, 32, 3)
    assert len(np.unique(first.images.reshape(768, -1), axis=0)) == 768


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
        (["formats", "BUNDLE", "--min-accuracy", "80"], "add --data"),
        (["formats", "BUNDLE", "--cpu", "one"], "write processors as"),
        (["formats", "BUNDLE", "--cpu", "4000"], "this process may use"),
        (["formats", "BUNDLE", "--reference", "model_int8.tflite", "--quick"], "no bundle lists model_int8.tflite"),
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


def test_limits_end_with_a_line_each(run: tuple[str, Result]) -> None:
    printed, result = run
    failed = [f"limit: {row.key}: failed: {row.reason}" for row in result.rows if row.status == "failed"]
    onnx = "limit: mobilenet_v3_small/model.onnx/1 thread: accuracy 30.0 %, allowed are 40 % at least"
    assert sorted(line for line in printed.splitlines() if line.startswith("limit: ")) == sorted([onnx, *failed])


def test_a_broken_file_breaks_the_gate_and_slow_ones_do(run: tuple[str, Result]) -> None:
    _, result = run
    broken = violations(result, None, 1000.0)
    assert [line.partition(": ")[0] for line in broken] == [row.key for row in result.rows if row.status == "failed"]
    tight = violations(result, None, 1e-6)
    assert len(tight) == len(result.rows)
    assert any("allowed are 1e-06" in line for line in tight)
