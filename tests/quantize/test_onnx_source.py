"""A bundle of which only the ONNX file is known, as ``edge-quantize convert`` makes it, becomes int8 as well."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from edge.bundle import describe_file, read_bundle, write_config
from edge.verify import verify
from quantize.cli import app
from quantize.export.onnx import export_onnx
from quantize.source import ONNX_ONLY, open_source
from tests.quantize.conftest import ROUGH


@pytest.fixture
def theirs(bundle: Path, tmp_path: Path) -> Path:
    """The taught network as ``model.onnx`` alone."""
    source = open_source(bundle)
    assert source.network is not None
    folder = tmp_path / "theirs"
    folder.mkdir()
    export_onnx(source.network, folder / "model.onnx", source.bundle.config)
    entry = describe_file(folder / "model.onnx", "onnx", "float32")
    config = msgspec.structs.replace(source.bundle.config, architecture=ONNX_ONLY, files={"model.onnx": entry})
    write_config(folder, config)
    return folder


@pytest.mark.parametrize("recipe", ["balanced", "best"])
def test_int8_is_made_of_an_onnx_file_and_everything_else_is_refused_in_words(
    theirs: Path, ferplus: Path, recipe: str
) -> None:
    data = ["--data", f"ferplus:{ferplus}", "--images", "40", "--calibration", "32"]
    done = CliRunner().invoke(
        app, [str(theirs), "--formats", "onnx-int8,torchscript", "--recipe", recipe, *data, *ROUGH]
    )
    assert done.exit_code == 1, "torchscript was asked for and cannot be had"
    assert "only the ONNX file of this network is known; skipping torchscript" in done.stderr
    made = read_bundle(theirs)
    assert set(made.config.files) == {"model.onnx", "model_int8.onnx"}
    entry = made.config.files["model_int8.onnx"]
    assert entry.quantization is not None and entry.quantization.recipe == recipe
    assert not entry.quantization.equalized and not entry.quantization.bias_corrected
    assert entry.tolerance == 1e-5, "its normalisation is a convolution like any other, and takes the very bytes"
    found = {finding.file: finding for finding in verify(theirs).findings}
    assert found["model.onnx"].status == "ok"
    drift = found["model_int8.onnx"].record
    assert drift is not None and drift.difference <= 1e-5
    if recipe == "best":
        assert entry.quantization.reason is not None and "4 combinations looked at" in entry.quantization.reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--qat", "--data", "{data}"], "--qat needs a PyTorch checkpoint; this bundle has only an ONNX file"),
        (["--image-size", "64", "--out", "{theirs}/out"], "leave --image-size out"),
    ],
)
def test_what_needs_the_network_itself_is_refused_before_work(
    theirs: Path, ferplus: Path, arguments: list[str], message: str
) -> None:
    words = [word.format(data=f"ferplus:{ferplus}", theirs=theirs) for word in arguments]
    done = CliRunner().invoke(app, [str(theirs), "--formats", "onnx-int8", *words])
    assert done.exit_code == 2, done.output
    assert message in done.stderr
