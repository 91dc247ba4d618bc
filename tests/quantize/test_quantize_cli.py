"""The command without TensorFlow: the gate on damaged files, what is kept, and users' mistakes."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

import quantize.exporters
from edge.bundle import Crop, describe_file, read_bundle
from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.labels import LABELS
from quantize.cli import app
from quantize.exporters import EXPORTERS, Made, Workbench
from train.checkpoint import save_bundle
from train.data.ferplus import read_ferplus


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def data(ferplus: Path) -> list[str]:
    return ["--data", f"ferplus:{ferplus}", "--images", "40", "--calibration", "32"]


def permuted(network: EmotionNetwork) -> EmotionNetwork:
    """A copy in which the channels of one convolution in the middle have changed places."""
    damaged = copy.deepcopy(network)
    layer = [module for module in damaged.modules() if isinstance(module, torch.nn.Conv2d)][10]
    layer.weight.data = layer.weight.data.flip(0)
    return damaged


def with_damage(name: str) -> Callable[[Workbench, Path], Made]:
    """The real exporter of a format, given a damaged network."""
    real = EXPORTERS[name]

    def export(bench: Workbench, path: Path) -> Made:
        (bench.folder / "damaged").mkdir()
        damaged = dataclasses.replace(bench.source, network=permuted(bench.network))
        return real(Workbench(damaged, bench.images, bench.options, bench.folder / "damaged"), path)

    return export


def unreadable(bench: Workbench, path: Path) -> Made:
    path.write_bytes(b"not a model")
    return Made()


def raising(bench: Workbench, path: Path) -> Made:
    raise RuntimeError("no such operator\nand much more")


@pytest.mark.parametrize(
    ("broken", "file", "exporter", "reason"),
    [
        ("onnx", "model.onnx", with_damage("onnx"), "differs from the checkpoint by"),
        ("onnx-int8", "model_int8.onnx", with_damage("onnx-int8"), "names the checkpoint's emotion on"),
        ("onnx", "model.onnx", unreadable, "not a readable ONNX model"),
        ("torchscript", "model.pt", raising, "could not be made: RuntimeError: no such operator"),
    ],
)
def test_what_fails_its_gate_is_kept_out_and_the_rest_is_written(
    bundle: Path,
    data: list[str],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    file: str,
    exporter: Callable[[Workbench, Path], Made],
    reason: str,
) -> None:
    monkeypatch.setitem(quantize.exporters.EXPORTERS, broken, exporter)
    result = run(bundle, "--formats", f"torchscript,{broken if broken != 'torchscript' else 'onnx'}", *data)
    assert result.exit_code == 1, result.output
    assert [line for line in result.stdout.splitlines() if file in line and reason in line]
    rows = {row["file"]: row for row in json.loads((bundle / "report.json").read_bytes())["rows"]}
    assert (rows[file]["status"], reason in rows[file]["problem"]) == ("failed", True)
    good = "model.onnx" if broken == "torchscript" else "model.pt"
    made = read_bundle(bundle)
    assert set(made.config.files) == {"model_weights.pth", good}
    assert made.path(good).is_file()
    assert not (bundle / file).exists()


def test_files_made_before_stay_and_a_failed_renewal_leaves_the_old_file(
    bundle: Path, data: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(bundle, "--formats", "torchscript", "--formats", "onnx", *data).exit_code == 0
    before = read_bundle(bundle).config.files
    monkeypatch.setitem(quantize.exporters.EXPORTERS, "onnx", with_damage("onnx"))
    again = run(bundle, "--formats", "onnx", *data)
    assert (again.exit_code, "model.onnx: made before from the same, kept" in again.stderr) == (0, True)
    assert run(bundle, "--formats", "onnx", "--fresh", *data).exit_code == 1
    after = read_bundle(bundle)
    assert after.config.files == before
    for name in before:
        after.path(name)


def test_out_gets_a_bundle_of_its_own_with_the_checkpoint_and_the_source_is_not_touched(
    bundle: Path, data: list[str], tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    out = tmp_path / "deep" / "out"
    assert run(bundle / "model_weights.pth", "--out", out, "--formats", "torchscript", *data).exit_code == 0
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    made = read_bundle(out)
    assert sorted(made.config.files) == ["model.pt", "model_weights.pth"]
    assert made.path("model_weights.pth").read_bytes() == before["model_weights.pth"]
    assert sorted(path.name for path in out.iterdir()) == [
        "MODEL_CARD.md",
        "golden.png",
        "model.pt",
        "model_config.json",
        "model_weights.pth",
        "report.html",
        "report.json",
    ]


def test_temperature_is_carried_into_the_bundle_that_is_written_and_shown_on_its_card(
    bundle: Path, data: list[str], tmp_path: Path
) -> None:
    from msgspec.structs import replace

    from edge.bundle import Calibration, write_config

    out = tmp_path / "out"
    assert run(bundle, "--out", out, "--formats", "torchscript", *data).exit_code == 0
    assert "Not calibrated" in (out / "MODEL_CARD.md").read_text()
    record = Calibration("FER+ validation", 640, 5, 0.51, 0.42, 0.0831, 0.0142)
    write_config(bundle, replace(read_bundle(bundle).config, temperature=1.75, calibration=record))
    # The bundle in the other folder was made before: same weights, so it is extended, and takes the new temperature.
    assert run(bundle, "--out", out, "--formats", "onnx", *data).exit_code == 0
    made = read_bundle(out).config
    assert (made.temperature, made.calibration) == (1.75, record)
    assert set(made.files) == {"model_weights.pth", "model.pt", "model.onnx"}
    card = (out / "MODEL_CARD.md").read_text()
    assert "softmax(logits / 1.75)" in card
    assert "| expected calibration error | 0.0831 | 0.0142 |" in card


def test_an_architecture_without_a_keras_port_is_refused_before_work_and_the_rest_goes_on(
    ferplus: Path, data: list[str], tmp_path: Path
) -> None:
    samples = read_ferplus(ferplus, "train")
    network = EmotionNetwork(NetworkSpec("swin_t", len(LABELS), "gray")).eval()
    save_bundle(network, tmp_path, name="swin", size=32, crop=Crop(), samples=samples)
    result = run(tmp_path, "--formats", "torchscript,keras,tflite", *data)
    assert result.exit_code == 1
    first, second, *rest = result.stderr.splitlines()
    assert first.startswith("swin_t cannot be had as keras: ") and first.endswith("; skipping keras")
    assert second.startswith("swin_t cannot be had as tflite: ") and second.endswith("; skipping tflite")
    assert rest[0] == "model.pt: exporting and comparing"
    assert set(read_bundle(tmp_path).config.files) == {"model_weights.pth", "model.pt"}


def test_without_data_the_portraits_serve_as_a_smoke_check(bundle: Path) -> None:
    result = run(bundle, "--formats", "torchscript", "--calibration", "4")
    assert result.exit_code == 0, result.output
    assert "smoke check" in result.stderr
    assert "packaged portraits" in result.stdout
    assert read_bundle(bundle).config.files["model.pt"].metrics == ()


def _damaged_checkpoint(bundle: Path) -> None:
    with (bundle / "model_weights.pth").open("ab") as file:
        file.write(b"x")


def _another_model(bundle: Path) -> None:
    """A second bundle, ``other``, whose weights differ."""
    other = bundle.parent / "other"
    other.mkdir()
    state = torch.load(bundle / "model_weights.pth", weights_only=True)
    state["emotion.bias"] += 1
    torch.save(state, other / "model_weights.pth")
    config = read_bundle(bundle).config
    entry = describe_file(other / "model_weights.pth", "pth", "float32")
    from msgspec.structs import replace

    from edge.bundle import write_config

    write_config(other, replace(config, files={"model_weights.pth": entry}))


def _nothing(bundle: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("arguments", "prepare", "message"),
    [
        (["{bundle}/nowhere"], _nothing, "no such bundle or file"),
        (["{bundle}/model_config.json"], _nothing, "no PyTorch checkpoint"),
        (["{bundle}/.."], _nothing, "model_config.json is missing"),
        (["{bundle}"], _damaged_checkpoint, "model_weights.pth is damaged"),
        (["{bundle}", "--formats", "onnx,caffe"], _nothing, "--formats caffe: no such format"),
        (["{bundle}", "--recipe", "tasty"], _nothing, "--recipe tasty: use one of fast, balanced, best"),
        (["{bundle}", "--recipe", "best"], _nothing, "--recipe best chooses by labelled training images: give --data"),
        (["{bundle}", "--max-latency-ratio", "0.5"], _nothing, "--max-latency-ratio needs --recipe best"),
        (["{bundle}", "--qat"], _nothing, "--qat needs training images: give --data"),
        (["{bundle}", "--image-size", "64"], _nothing, "--image-size makes another model of it: give --out"),
        (["{bundle}", "--data", "ferplus:{bundle}/none"], _nothing, "no such folder"),
        (["{bundle}", "--data", "ferplus:{bundle}"], _nothing, "label.csv is missing"),
        (["{bundle}", "--out", "{bundle}/../other"], _another_model, "holds another model's bundle"),
        (["{bundle}", "--out", "{bundle}/model_weights.pth/x"], _nothing, "cannot write"),
    ],
)
def test_a_users_mistake_ends_in_one_line_and_exit_code_2(
    bundle: Path, arguments: list[str], prepare: Callable[[Path], None], message: str
) -> None:
    prepare(bundle)
    result = run(*(argument.format(bundle=bundle) for argument in arguments))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
