from __future__ import annotations

import json
from pathlib import Path

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
    import msgspec

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
        (config(schema_version=2), "schema_version 2.*update"),
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


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    import msgspec

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
