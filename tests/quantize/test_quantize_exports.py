"""Every format of both architectures, made by the command, run in its own runtime. The slow part: one TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from edge.bundle import FILE_NAMES, Bundle, read_bundle
from edge.engines import load_engine
from edge.engines.torch import load_network
from edge.verify import FLOAT_LIMIT
from quantize.cli import app
from quantize.formats import TARGETS
from quantize.int8.onnx import LIMIT, widest_weight
from quantize.int8.tflite import weight_types
from tests.quantize.conftest import ROUGH

pytestmark = pytest.mark.timeout(900)  # two whole runs of the command; a busy machine takes minutes for each

FLOAT_FILES = ("model.pt", "model.onnx", "model.h5", "model.tflite")
INT8_FILES = ("model_int8.onnx", "model_int8.tflite", "model_integer.tflite", "model_dynamic.tflite")
FILES = set(FILE_NAMES.values())


@dataclasses.dataclass(frozen=True)
class Made:
    """What one run of the command left behind, and what its checkpoint says about a few images."""

    exit_code: int
    output: str
    bundle: Bundle
    images: NDArray[np.uint8]
    logits: NDArray[np.float32]
    valence_arousal: NDArray[np.float32]

    def run(self, file: str, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        path = self.bundle.path(file)
        return load_engine(path, self.bundle.config).run(self.images[:count])


@pytest.fixture(scope="module", params=["mobilenet_v2", "resnet18"])
def made(
    request: pytest.FixtureRequest,
    make_bundle: Callable[[Path, str], Path],
    ferplus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Made]:
    folder = make_bundle(tmp_path_factory.mktemp("made"), request.param)
    arguments = [str(folder), "--data", f"ferplus:{ferplus}", "--calibration", "64", "--images", "40", *ROUGH]
    arguments += ["--formats", ",".join(TARGETS)]
    result = CliRunner().invoke(app, arguments)
    bundle = read_bundle(folder)
    size = bundle.config.input.size
    # Noise in colour: a file that mixes up channels, or the layout, cannot look right by chance.
    images = np.random.default_rng(1).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    network = load_network(bundle.path("model_weights.pth"), bundle.config)
    with torch.inference_mode():
        logits, affect = (output.numpy() for output in network(torch.from_numpy(images)))
    yield Made(result.exit_code, result.output, bundle, images, logits, affect)
    shutil.rmtree(folder)


def test_every_format_is_made_and_listed_with_its_hash(made: Made) -> None:
    assert made.exit_code == 0, made.output
    assert set(made.bundle.config.files) == FILES
    for name in made.bundle.config.files:
        assert made.bundle.path(name).is_file()  # raises where size or hash differ
    assert not list(made.bundle.folder.glob(".*"))


def test_metrics_of_every_file_come_from_the_images_asked_for(made: Made) -> None:
    for name, file in made.bundle.config.files.items():
        (metrics,) = file.metrics
        assert metrics.samples == 40
        assert metrics.data == "FER+ validation (FER+ majority rule), 40 of 64 labelled images, seed 0"
        assert metrics.accuracy >= 0.9
        assert (metrics.agreement is None) == (name == "model_weights.pth")


def test_evaluate_all_measures_every_file_in_its_own_runtime(made: Made, ferplus: Path, tmp_path: Path) -> None:
    from train.cli import app as train_app

    arguments = ["evaluate", str(made.bundle.folder), "--all", "--data", f"ferplus:{ferplus}"]
    result = CliRunner().invoke(train_app, [*arguments, "--json", str(tmp_path / "all.json")])
    assert result.exit_code == 0, result.output
    rows = {row["file"]: row for row in json.loads((tmp_path / "all.json").read_text())["files"]}
    assert set(rows) == FILES
    checkpoint = rows["model_weights.pth"]["evaluation"]
    for name, row in rows.items():
        assert row["evaluation"]["samples"] == 64 and row["evaluation"]["accuracy"] >= 0.9, name
        if name in FLOAT_FILES:
            assert row["agreement"] == 1.0 and row["evaluation"]["confusion"] == checkpoint["confusion"], name
            assert row["evaluation"]["nll"] == pytest.approx(checkpoint["nll"], abs=1e-4), name


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("file", FLOAT_FILES)
def test_float_file_gives_the_checkpoints_numbers(made: Made, file: str, count: int) -> None:
    logits, affect = made.run(file, count)
    assert logits.dtype == affect.dtype == np.float32
    np.testing.assert_allclose(logits, made.logits[:count], rtol=0, atol=FLOAT_LIMIT)
    np.testing.assert_allclose(affect, made.valence_arousal[:count], rtol=0, atol=FLOAT_LIMIT)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("file", INT8_FILES)
def test_int8_file_runs_in_batches_and_stays_in_range(made: Made, file: str, count: int) -> None:
    logits, affect = made.run(file, count)
    assert logits.shape == (count, 8)
    assert affect.shape == (count, 2)
    assert logits.dtype == affect.dtype == np.float32
    assert np.abs(affect).max() <= 1


def test_int8_files_are_about_a_quarter_of_the_float_ones(made: Made) -> None:
    sizes = {name: file.size for name, file in made.bundle.config.files.items()}
    assert sizes["model_int8.onnx"] < 0.35 * sizes["model.onnx"]
    assert sizes["model_int8.tflite"] < 0.35 * sizes["model.tflite"]


def test_int8_onnx_cannot_saturate_and_computes_in_integers_from_the_very_image(made: Made) -> None:
    import onnx

    path = made.bundle.path("model_int8.onnx")
    assert 0 < widest_weight(path) <= LIMIT
    graph = onnx.load(str(path)).graph
    producer = {output: node for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) > 15
    assert all(producer[node.input[1]].op_type == "DequantizeLinear" for node in convolutions)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    zero_points = [weights[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {tensor.data_type for tensor in zero_points} == {onnx.TensorProto.UINT8}
    pixels = producer[convolutions[0].input[0]]
    before = [pixels.op_type]
    while pixels.input[0] in producer:
        pixels = producer[pixels.input[0]]
        before.append(pixels.op_type)
    assert before == ["DequantizeLinear", "Transpose", "Pad"] and pixels.input[0] == "image"
    heads = [node for node in graph.node if node.op_type == "Gemm"]
    assert len(heads) == 2 and not any(node.input[1] in producer for node in heads), "float"


def test_int8_tflite_has_int8_convolutions_and_float_heads(made: Made) -> None:
    kinds = weight_types(made.bundle.path("model_int8.tflite"))
    assert len(kinds) > 15
    assert kinds == ["int8"] * (len(kinds) - 2) + ["float32"] * 2
    assert set(weight_types(made.bundle.path("model_integer.tflite"))) == {"int8"}
    assert set(weight_types(made.bundle.path("model.tflite"))) == {"float32"}


def test_what_is_promised_of_each_file_and_that_it_is_kept(made: Made) -> None:
    from edge.verify import verify

    promised = {name: file.tolerance for name, file in made.bundle.config.files.items() if file.outputs}
    float_files = dict.fromkeys((*FLOAT_FILES, "model_float16.tflite"), FLOAT_LIMIT)
    exact = {"model_int8.onnx": 1e-5, "model_int8.tflite": 1e-5, "model_integer.tflite": 0.0}
    assert promised == {**float_files, **exact, "model_dynamic.tflite": None}
    for finding in verify(made.bundle.folder).findings:
        if finding.record is not None:
            limit = finding.record.promise
            assert limit is None or finding.record.difference <= limit, finding
        if finding.precision in ("float32", "float16"):
            assert finding.status == "ok", finding


def test_the_report_beside_the_bundle_holds_every_file_its_layers_and_its_faces(made: Made) -> None:
    import msgspec

    from quantize.record import Report

    report = msgspec.json.decode((made.bundle.folder / "report.json").read_bytes(), type=Report)
    assert {row.file for row in report.rows} == FILES - {"model_weights.pth"}
    for row in report.rows:
        assert row.status == "made" and row.latency is not None and row.latency.ratio is not None, row.file
        assert row.parity == made.bundle.config.files[row.file].parity
    quantized = {"model_int8.onnx", "model_int8.tflite", "model_integer.tflite"}
    assert set(report.tensors) == set(report.faces) == quantized
    for name in quantized:
        assert len(report.tensors[name]) > 15 and len(report.faces[name]) == 12
        distances = [face.distance for face in report.faces[name]]
        assert distances == sorted(distances, reverse=True) and distances[0] > 0
    assert (made.bundle.folder / "report.html").stat().st_size > 50_000


@pytest.mark.parametrize("file", ["model.tflite", "model_int8.tflite"])
def test_tflite_tensors_carry_the_names_of_the_contract(made: Made, file: str) -> None:
    from edge.engines.litert import interpreter

    model, _ = interpreter(made.bundle.path(file))
    assert [(d["name"], d["dtype"]) for d in model.get_input_details()] == [("image", np.uint8)]
    outputs = {d["name"]: (d["shape"][-1], d["dtype"]) for d in model.get_output_details()}
    assert outputs == {"logits": (8, np.float32), "valence_arousal": (2, np.float32)}
    signature = model.get_signature_list()["serving_default"]
    assert (signature["inputs"], sorted(signature["outputs"])) == (["image"], ["logits", "valence_arousal"])


def test_onnx_says_what_a_user_of_the_bare_file_needs(made: Made) -> None:
    import onnx

    for file in ("model.onnx", "model_int8.onnx"):
        model = onnx.load(str(made.bundle.path(file)))
        facts = {entry.key: entry.value for entry in model.metadata_props}
        assert json.loads(facts["labels"]) == list(made.bundle.config.labels)
        assert (facts["name"], facts["architecture"]) == ("tiny", made.bundle.config.architecture)
        assert model.opset_import[0].version == 17


def test_card_lists_every_file_and_begins_with_the_weak_head(made: Made) -> None:
    text = (made.bundle.folder / "MODEL_CARD.md").read_text()
    assert "weakly taught" in "\n".join(text.splitlines()[:4])
    for name, file in made.bundle.config.files.items():
        assert f"| `{name}` | {file.precision} | {file.size:,} | `{file.sha256[:12]}` |" in text


@pytest.mark.parametrize("made", ["mobilenet_v2"], indirect=True)
def test_files_load_without_this_project(made: Made, tmp_path: Path) -> None:
    """TorchScript and Keras in a process that cannot import the project."""
    code = """
import os, sys, numpy as np
os.environ["KERAS_BACKEND"] = "tensorflow"
import torch, keras
assert not {"edge", "quantize", "train"} & set(sys.modules)
images = np.load(sys.argv[1])
script = [o.numpy() for o in torch.jit.load(sys.argv[2])(torch.from_numpy(images))]
outputs = keras.models.load_model(sys.argv[3]).predict(images, verbose=0)
np.savez(sys.argv[4], script=script[0], keras=outputs["logits"])
"""
    np.save(tmp_path / "images.npy", made.images)
    files = [str(made.bundle.path(name)) for name in ("model.pt", "model.h5")]
    arguments = [str(tmp_path / "images.npy"), *files, str(tmp_path / "out.npz")]
    subprocess.run([sys.executable, "-I", "-c", code, *arguments], cwd=tmp_path, check=True, capture_output=True)
    with np.load(tmp_path / "out.npz") as found:
        for name in ("script", "keras"):
            np.testing.assert_allclose(found[name], made.logits, rtol=0, atol=FLOAT_LIMIT)
