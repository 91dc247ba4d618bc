from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.bundle import describe_file, parse_config, read_bundle, write_config
from edge.errors import EdgeError

CONFIG = {
    "schema_version": 1,
    "name": "tiny",
    "architecture": "mobilenet_v2",
    "labels": ["neutral", "happiness"],
    "input": {"size": 32, "color": "gray", "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
    "crop": {"scale": 1.1, "shift_y": -0.05, "align": "eyes", "source_size": 48},
    "training": {"data": "FER+", "licence": "research", "valence_arousal": "weak"},
    "files": {},
}
FILE = {"format": "onnx", "precision": "int8", "sha256": "abc", "size": 1}


def config(**changes: object) -> bytes:
    return json.dumps({**CONFIG, **changes}).encode()


def test_a_config_survives_writing_and_reading(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    entry = describe_file(tmp_path / "model.onnx", "onnx", "float32")
    written = msgspec.structs.replace(parse_config(config(), "c"), files={"model.onnx": entry})
    write_config(tmp_path, written)
    bundle = read_bundle(tmp_path)
    assert bundle.config == written
    assert bundle.path("model.onnx") == tmp_path / "model.onnx"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "not a valid model config"),
        (config(colour="gray"), "colour"),
        (config(labels="neutral"), r"\$.labels"),
        (config(labels=["a", "a"]), "different names"),
        (config(schema_version=4), "schema_version 4.*update"),
        (config(schema_version=0), r"\$.schema_version"),
        (config(temperature=0), r"\$.temperature"),
        (config(calibration={"data": "FER+"}), r"\$.calibration"),
        (config(input={**CONFIG["input"], "size": 0}), r"\$.input.size"),
        (
            config(files={"../x.onnx": {**FILE, "sha256": "0" * 64}}),
            "plain name",
        ),
        (config(files={"x.onnx": FILE}), "sha256"),
        (b"[]", "not a valid model config"),
    ],
)
def test_a_broken_config_is_named(raw: bytes, says: str) -> None:
    with pytest.raises(EdgeError, match=says) as caught:
        parse_config(raw, "model_config.json")
    assert "model_config.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_config_is_read_and_written_as_today(tmp_path: Path, version: int) -> None:
    first = parse_config(config(schema_version=version), "c")
    assert (first.schema_version, first.temperature, first.calibration) == (3, 1.0, None)
    write_config(tmp_path, first)
    written = json.loads((tmp_path / "model_config.json").read_bytes())
    assert written["schema_version"] == 3 and written["temperature"] == 1.0


def test_probabilities_are_taken_at_the_configs_temperature(tmp_path: Path) -> None:
    from edge.metrics import softmax
    from edge.model import DEFAULT_MODEL, Model

    folder = shutil.copytree(DEFAULT_MODEL, tmp_path / "warm")
    write_config(folder, msgspec.structs.replace(read_bundle(folder).config, temperature=2.5))
    model = Model(folder)
    size = model.bundle.config.input.size
    crops = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    logits, _ = model.engine.run(crops)
    found = [emotion.probabilities for emotion in model.classify(crops)]
    np.testing.assert_allclose(found, softmax(logits / 2.5), rtol=1e-6)
    assert np.abs(np.array(found) - softmax(logits)).max() > 0.01


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    entry = describe_file(path, "onnx", "float32")
    write_config(tmp_path, msgspec.structs.replace(parse_config(config(), "c"), files={"model.onnx": entry}))
    bundle = read_bundle(tmp_path)
    path.write_bytes(b"weightz")  # same size, one bit of a letter
    with pytest.raises(EdgeError, match=r"model\.onnx is damaged.*sha256"):
        bundle.path("model.onnx")
    path.write_bytes(b"weig")
    with pytest.raises(EdgeError, match=r"model\.onnx is damaged: 4 bytes"):
        bundle.path("model.onnx")
    path.unlink()
    with pytest.raises(EdgeError, match=r"model\.onnx is missing"):
        bundle.path("model.onnx")
    with pytest.raises(EdgeError, match="not listed"):
        bundle.path("other.onnx")


def test_no_config_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match=r"model_config\.json is missing"):
        read_bundle(tmp_path)
