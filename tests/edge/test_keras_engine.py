"""What the Keras engine refuses before Keras is even imported. That it runs is tested where files are made."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.engines import load_engine
from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL

h5py = pytest.importorskip("h5py")


@pytest.fixture
def config() -> Any:
    from edge.bundle import read_bundle

    return read_bundle(DEFAULT_MODEL).config


def layers(*entries: dict[str, Any]) -> str:
    return json.dumps({"class_name": "Functional", "config": {"layers": list(entries)}})


PLAIN = {"module": "keras.layers", "class_name": "Dense", "config": {"activation": "relu"}}


@pytest.mark.parametrize(
    "entry",
    [
        {"module": "keras.layers", "class_name": "Lambda", "config": {}},
        {**PLAIN, "config": {"activation": {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}}},
        {"module": "os", "class_name": "function", "config": "system"},
        {**PLAIN, "build_config": {"inner": [{"module": "builtins", "class_name": "eval"}]}},
    ],
    ids=["a Lambda layer", "an anonymous function", "a function of a module", "deep inside"],
)
def test_file_that_carries_code_is_refused_unread(tmp_path: Path, config: Any, entry: dict[str, Any]) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = layers(PLAIN, entry)
    before = "tensorflow" in sys.modules
    with pytest.raises(EdgeError, match=r"model\.h5: refused, it holds more than Keras's own layers"):
        load_engine(path, config)
    assert ("tensorflow" in sys.modules) == before


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n and then nothing"])
def test_damaged_file_is_named(tmp_path: Path, config: Any, content: bytes) -> None:
    (tmp_path / "model.h5").write_bytes(content)
    with pytest.raises(EdgeError, match=r"model\.h5 is not a readable Keras file"):
        load_engine(tmp_path / "model.h5", config)
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["something"] = "else"
    with pytest.raises(EdgeError, match=r"model\.h5 is not a readable Keras file"):
        load_engine(tmp_path / "model.h5", config)


def test_cuda_is_not_promised(tmp_path: Path, config: Any) -> None:
    with pytest.raises(EdgeError, match="Keras runs on the CPU"):
        load_engine(tmp_path / "model.h5", config, "cuda")
