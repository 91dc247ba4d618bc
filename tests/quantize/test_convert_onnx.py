"""ONNX files of other people's conventions keep the bundle's contract after conversion, and answer as before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from edge.bundle import read_bundle
from edge.engines import load_engine
from quantize.cli import app

SIZE = 24
LUMA = torch.tensor([0.299, 0.587, 0.114])


def convert(source: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["convert", str(source), "--out", str(out), *options])


class Theirs(nn.Module):
    """A small network whose outputs, and order of dimensions, are what ``shape`` says."""

    def __init__(self, outputs: int, shape: str = "logits", channels: int = 3, fixed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(outputs)
        self.shape, self.fixed, self.outputs = shape, fixed, outputs
        self.first = nn.Conv2d(channels, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        self.second = nn.Conv2d(8, 16, 3, 2, 1)
        self.head = nn.Linear(16, outputs)
        self.other = nn.Linear(16, 2)
        nn.init.normal_(self.other.weight)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        if "nhwc" in self.shape:
            x = x.permute(0, 3, 1, 2)
        if x.dtype == torch.uint8:
            x = x.float() / 127.5 - 1
        x = torch.relu(self.second(torch.relu(self.norm(self.first(x)))))
        pooled = x.mean((2, 3))
        features = pooled.reshape(1, 16) if self.fixed else pooled
        first, second = self.head(features), self.other(features)
        if "first only" in self.shape:
            return first[:1]
        if "image" in self.shape:
            return first[:, :, None, None]
        if "softmax" in self.shape:
            first = torch.softmax(first, 1)
        if "sigmoid" in self.shape:
            first = torch.sigmoid(first)
        if "both" in self.shape:
            return first, second
        return (first, second[:, :1], second[:, 1:]) if "three" in self.shape else first


def export(network: Theirs, path: Path, given: Tensor, names: tuple[str, ...] = ("out",), **options: Any) -> Path:
    axes: dict[str, Any] = {name: {0: "N"} for name in ("data", *names)}
    axes = {} if options.pop("fixed", network.fixed) else axes
    options = {"opset_version": 17, "dynamo": False, "dynamic_axes": axes, **options}
    torch.onnx.export(network.eval(), (given,), str(path), input_names=["data"], output_names=list(names), **options)
    return path


def faces(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.copy())


def nchw(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2).contiguous()


def imagenet(pixels: np.ndarray) -> Tensor:
    return nchw((tensor(pixels) / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225]))


def blue_first(pixels: np.ndarray) -> Tensor:
    return nchw(tensor(pixels[..., ::-1]) - torch.tensor([104.0, 117.0, 123.0]))


def channels_last(pixels: np.ndarray) -> Tensor:
    return tensor(pixels) / 127.5 - 1


def zero_one(pixels: np.ndarray) -> Tensor:
    return nchw(tensor(pixels) / 255)


def gray(pixels: np.ndarray) -> Tensor:
    return (tensor(pixels).float() @ LUMA)[:, None]


def gray_thrice(pixels: np.ndarray) -> Tensor:
    return ((tensor(pixels).float() @ LUMA)[:, None] / 255 - 0.5).repeat(1, 3, 1, 1) / 0.25


def bytes_blue_first(pixels: np.ndarray) -> Tensor:
    return nchw(tensor(pixels[..., ::-1]))


@dataclasses.dataclass(frozen=True)
class Convention:
    """What the user has, what the user says, and how the user's own code calls it."""

    prepare: Callable[[np.ndarray], Tensor]
    said: tuple[str, ...]
    outputs: int = 8
    shape: str = "logits"
    channels: int = 3
    names: tuple[str, ...] = ("out",)
    fixed: bool = False
    export: dict[str, Any] = dataclasses.field(default_factory=dict)
    found: str = "out: logits"
    tanh: bool = False


CAFFE = ("--bgr", "--mean", "104,117,123", "--std", "1", "--scale", "1")  # Caffe's habit
CONVENTIONS = {
    "imagenet": Convention(imagenet, ("--normalisation", "imagenet")),
    "bgr, 0..255 less the mean": Convention(blue_first, CAFFE),
    "channels last": Convention(channels_last, ("--normalisation", "minus-one-one"), shape="nhwc", found="NHWC"),
    "probabilities": Convention(zero_one, ("--normalisation", "zero-one"), shape="softmax", found="out: probabilities"),
    "named outputs": Convention(
        zero_one,
        ("--normalisation", "zero-one", "--probabilities", "expr", "--valence-arousal", "va"),
        shape="softmax both",
        names=("expr", "va"),
        found="va: valence, arousal",
    ),
    "raw valence and arousal": Convention(
        zero_one,
        ("--normalisation", "zero-one", "--valence-arousal", "va", "--tanh"),
        shape="both",
        names=("expr", "va"),
        tanh=True,
        found="expr: logits; va: valence, arousal",
    ),
    "8 + 2": Convention(
        imagenet, ("--normalisation", "imagenet", "--valence-arousal", "out"), outputs=10, found="its last two"
    ),
    "three outputs": Convention(
        zero_one,
        ("--normalisation", "zero-one", "--valence-arousal", "v,a"),
        shape="three",
        names=("expr", "v", "a"),
        found="v, a: valence, arousal",
    ),
    "a second output left aside": Convention(
        zero_one,
        ("--normalisation", "zero-one", "--valence-arousal", "none"),
        shape="both",
        names=("expr", "more"),
        found="expr: logits",
    ),
    "opset 11": Convention(zero_one, ("--normalisation", "zero-one"), export={"opset_version": 11}),
    "fixed batch": Convention(zero_one, ("--normalisation", "zero-one"), fixed=True, found="batch 1, freed"),
    "gray, one channel": Convention(gray, ("--normalisation", "raw"), channels=1, found="gray"),
    "gray, three channels": Convention(gray_thrice, ("--gray", "--mean", "0.5", "--std", "0.25")),
    "bytes": Convention(tensor, (), shape="nhwc", found="uint8"),
    "bytes, bgr, channels first": Convention(bytes_blue_first, ("--bgr",)),
    "an image of one pixel": Convention(zero_one, ("--normalisation", "zero-one"), shape="image"),
}


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS.keys())
def test_the_original_and_the_bundle_give_the_same(tmp_path: Path, convention: Convention) -> None:
    network = Theirs(convention.outputs, convention.shape, convention.channels, convention.fixed)
    given = convention.prepare(faces(1))
    path = export(network, tmp_path / "theirs.onnx", given, convention.names, **convention.export)
    result = convert(path, tmp_path / "out", "--labels", "alphabetical8", *convention.said)
    assert result.exit_code == 0, result.output
    assert convention.found in result.stdout
    with torch.no_grad():
        answers = [network(convention.prepare(faces()[row : row + 1])) for row in range(6)]
    columns = [torch.cat([part.flatten(1) for part in (a if isinstance(a, tuple) else (a,))], 1) for a in answers]
    expected = torch.cat(columns).numpy()
    logits, affect = expected[:, :8], expected[:, 8:] if "none" not in convention.said else expected[:, 8:8]
    if "softmax" in convention.shape:
        logits = np.log(logits)
    if not affect.shape[1]:
        affect = np.zeros((6, 2))
    affect = np.tanh(affect) if convention.tanh else np.clip(affect, -1, 1)
    bundle = read_bundle(tmp_path / "out")
    engine = load_engine(bundle.path("model.onnx"), bundle.config)
    for pixels in (faces(), faces(1), faces()[:3]):
        found = engine.run(pixels)
        np.testing.assert_allclose(found[0], logits[: len(pixels)], atol=1e-4)
        np.testing.assert_allclose(found[1], affect[: len(pixels)], atol=1e-4)
    assert bundle.config.architecture == "onnx"
    assert bundle.config.input.size == SIZE
    assert bundle.config.training.valence_arousal.startswith("none: ") == (not affect.any())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "MODEL_CARD.md",
        "model.onnx",
        "model_config.json",
    ]


def test_the_written_file_is_of_a_known_form(tmp_path: Path) -> None:
    path = export(Theirs(8), tmp_path / "theirs.onnx", imagenet(faces(1)), opset_version=11)
    said = ("--labels", "alphabetical8", "--normalisation", "imagenet", "--licence", "research")
    assert convert(path, tmp_path / "out", *said).exit_code == 0
    model = onnx.load(str(tmp_path / "out" / "model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [17]
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["logits", "valence_arousal"]
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["licence"] == "research"
    assert facts["converted_from"].startswith("theirs.onnx, sha256 ")


def test_any_size_and_layout_are_asked_for(tmp_path: Path) -> None:
    network = Theirs(8)
    axes = {"data": dict(enumerate("NCHW")), "out": {0: "N"}}
    export(network, tmp_path / "m.onnx", imagenet(faces(1)), dynamic_axes=axes)
    said = ("--labels", "alphabetical8", "--normalisation", "imagenet")
    check_refused(convert(tmp_path / "m.onnx", tmp_path / "out", *said), tmp_path, "give --layout nchw or nhwc")
    said = (*said, "--layout", "nchw")
    check_refused(convert(tmp_path / "m.onnx", tmp_path / "out", *said), tmp_path, "--size is missing")
    assert convert(tmp_path / "m.onnx", tmp_path / "out", *said, "--size", "24").exit_code == 0
    bundle = read_bundle(tmp_path / "out")
    logits, _ = load_engine(bundle.path("model.onnx"), bundle.config).run(faces())
    with torch.no_grad():
        np.testing.assert_allclose(logits, network(imagenet(faces())).numpy(), atol=1e-4)


def check_refused(result: Result, folder: Path, says: str) -> None:
    """Exit code 2, one line that says it, and nothing left behind."""
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert says in line
    assert not (folder / "out").exists()
    assert list(folder.glob(".*")) == []


L8 = ("--labels", "alphabetical8")
GOOD = (*L8, "--normalisation", "zero-one")


@pytest.mark.parametrize(
    ("network", "names", "options", "says"),
    [
        (Theirs(8), ("out",), GOOD[2:], "--labels is missing: its output out gives 8 numbers"),
        (Theirs(8), ("out",), L8, "--normalisation is missing"),
        (Theirs(8), ("out",), (*L8, "--mean", "0.5"), "--std is missing"),
        (Theirs(8), ("out",), (*GOOD, "--scale", "1"), "leave out --mean, --std and --scale"),
        (Theirs(8), ("out",), ("--labels", "fer7", *GOOD[2:]), "--labels names 7 (anger"),
        (Theirs(8), ("out",), (*GOOD, "--size", "48"), "takes 24 px; leave it out"),
        (Theirs(8), ("out",), (*GOOD, "--layout", "chw"), "--layout chw: use nchw"),
        (Theirs(8), ("out",), (*GOOD, "--layout", "nhwc"), "24 channels as nhwc"),
        (Theirs(8), ("out",), (*GOOD, "--arch", "resnet18"), "--arch is for .pth files"),
        (Theirs(8), ("out",), (*GOOD, "--logits", "wrong"), "no output wrong with one row a picture; it gives out (8)"),
        (Theirs(8), ("out",), (*GOOD, "--probabilities", "out"), "do not sum to one; use --logits out"),
        (Theirs(8), ("out",), (*GOOD, "--logits", "out", "--probabilities", "out"), "give one of them"),
        (Theirs(8, "softmax"), ("out",), (*GOOD, "--logits", "out"), "use --probabilities out"),
        (Theirs(8, "sigmoid"), ("out",), GOOD, "does not sum to one, as independent"),
        (Theirs(10), ("out",), GOOD, "if the last two are valence and arousal, say --valence-arousal out"),
        (Theirs(8, "both"), ("a", "b"), GOOD, "say --valence-arousal b if they are"),
        (Theirs(8, "both"), ("a", "b"), GOOD[2:], "it gives a (8), b (2): say which holds the emotions"),
        (Theirs(8, "three"), ("a", "b", "c"), (*GOOD, "--valence-arousal", "b"), "two of one, not [1]"),
        (Theirs(8, "first only"), ("out",), (*GOOD,), "fixed"),
        (Theirs(8, channels=4), ("out",), GOOD, "leaves open where the channels are"),
    ],
)
def test_what_is_wrong_or_missing_is_one_line(
    tmp_path: Path, network: Theirs, names: tuple[str, ...], options: tuple[str, ...], says: str
) -> None:
    given = torch.rand(1, network.first.in_channels, SIZE, SIZE)
    export(network, tmp_path / "m.onnx", given, names, fixed="first only" in network.shape)
    check_refused(convert(tmp_path / "m.onnx", tmp_path / "out", *options), tmp_path, says)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07\x12\x02ab"])
def test_what_is_no_onnx(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    check_refused(convert(tmp_path / "m.onnx", tmp_path / "out", *GOOD), tmp_path, "not a readable ONNX model")


def test_a_quantized_file_is_refused(tmp_path: Path) -> None:
    from edge.model import DEFAULT_MODEL

    result = convert(DEFAULT_MODEL / "model_int8.onnx", tmp_path / "out", *GOOD)
    check_refused(result, tmp_path, "is quantized already")


def test_a_wrapped_file_that_answers_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is what proves the wrapping: with its colours swapped it must fail."""
    import quantize.convert.onnx
    from quantize.convert.graph import wrapped

    def swapped(*arguments: Any, **options: Any) -> Any:
        return wrapped(*arguments, **{**options, "bgr": not options["bgr"]})

    monkeypatch.setattr(quantize.convert.onnx, "wrapped", swapped)
    export(Theirs(8), tmp_path / "m.onnx", zero_one(faces(1)))
    check_refused(convert(tmp_path / "m.onnx", tmp_path / "out", *GOOD), tmp_path, "differs from the original by")
