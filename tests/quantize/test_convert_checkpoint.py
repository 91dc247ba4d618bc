"""Bare PyTorch files become bundles whose network gives the original's numbers; what is missing is asked for."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner, Result

from edge.bundle import read_bundle
from edge.engines import load_engine
from edge.engines.network import EmotionNetwork, NetworkSpec, torchvision
from edge.labels import LABELS
from quantize.cli import app
from quantize.convert.architecture import body_of, identify
from quantize.convert.heads import Linear
from quantize.convert.labels import PRESETS
from quantize.convert.output import new_folder

SIZE = 32
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
State = dict[str, Any]


def convert(source: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["convert", str(source), "--out", str(out), *options])


def randomized(network: nn.Module) -> nn.Module:
    """Weights and batch norm statistics that are none of anybody's defaults."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return network.eval()


def network(architecture: str, outputs: int) -> nn.Module:
    torch.manual_seed(0)
    return randomized(torchvision.models.get_model(architecture, weights=None, num_classes=outputs))


def images(count: int = 5, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def normalised(pixels: np.ndarray, mean: torch.Tensor = MEAN, std: torch.Tensor = STD) -> torch.Tensor:
    """As a torchvision pipeline does it: ToTensor, Normalize."""
    return ((torch.from_numpy(pixels).float() / 255 - mean) / std).permute(0, 3, 1, 2)


def answers(bundle: Path, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    read = read_bundle(bundle)
    return load_engine(read.path("model_weights.pth"), read.config).run(pixels)


def assert_same(found: np.ndarray, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-5 * max(1.0, float(expected.abs().max())))


def lightning(state: State) -> State:
    named = {f"network.{name}": value for name, value in state.items()}
    named["loss.weight"] = torch.ones(8)  # class weights of a criterion
    return {"epoch": 3, "global_step": 99, "state_dict": named, "optimizer_states": [], "loops": {}}


@pytest.mark.parametrize(
    ("architecture", "wrap", "found"),
    [
        ("resnet18", lambda state: state, "names begin with ''"),
        ("mobilenet_v2", lambda state: {f"module.{k}": v for k, v in state.items()}, "names begin with 'module.'"),
        ("mobilenet_v3_small", lambda state: {"model": state, "epoch": 1}, "mobilenet_v3_small"),
        ("efficientnet_b0", lambda state: {"state_dict": state, "optimizer": {"lr": 0.1}}, "efficientnet_b0"),
        ("resnet34", lightning, "names begin with 'network.'"),
        ("resnet18", lambda s: {k: v for k, v in s.items() if "num_batches" not in k}, "resnet18"),
    ],
)
def test_a_torchvision_network_in_any_wrapping(
    tmp_path: Path, architecture: str, wrap: Callable[[State], State], found: str
) -> None:
    original = network(architecture, 8)
    torch.save(wrap(dict(original.state_dict())), tmp_path / "m.pth")
    result = convert(tmp_path / "m.pth", tmp_path / "out", "--labels", "affectnet8", "--size", str(SIZE))
    assert result.exit_code == 0, result.output
    assert found in result.stdout
    logits, affect = answers(tmp_path / "out", images())
    with torch.no_grad():
        assert_same(logits, original(normalised(images())))
    assert not affect.any()
    config = read_bundle(tmp_path / "out").config
    assert (config.architecture, config.labels, config.input.size) == (architecture, LABELS, SIZE)
    assert config.training.valence_arousal.startswith("none: ")
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text().split("\n\n")
    assert card[1].startswith("**It reads no valence and no arousal**")


class TwoHeads(nn.Module):
    """A common shape of multi-task code: an encoder without its classifier, heads under names of its own."""

    def __init__(self, names: tuple[str, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = randomized(torchvision.models.resnet18(weights=None))
        self.encoder.fc = nn.Identity()
        self.names = names
        for name, width in zip(names, widths, strict=True):
            self.add_module(name, nn.Linear(512, width))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.encoder(x)
        first, *rest = (self.get_submodule(name)(features) for name in self.names)
        return first, torch.tanh(torch.cat(rest, dim=1))


@pytest.mark.parametrize(
    ("names", "widths"),
    [
        (("expression_head", "va_head"), (7, 2)),
        (("classifier", "valence", "arousal"), (7, 1, 1)),
        (("fc_expr", "fc_valence_arousal"), (7, 2)),
    ],
)
def test_heads_under_other_names_are_told_apart(
    tmp_path: Path, names: tuple[str, ...], widths: tuple[int, ...]
) -> None:
    original = TwoHeads(names, widths).eval()
    torch.save(original.state_dict(), tmp_path / "m.pth")
    options = ("--labels", "affectnet7", "--size", str(SIZE), "--tanh", "--affect-source", "AffectNet's annotations")
    assert convert(tmp_path / "m.pth", tmp_path / "out", *options).exit_code == 0
    logits, affect = answers(tmp_path / "out", images())
    with torch.no_grad():
        first, second = original(normalised(images()))
    assert_same(logits, first)
    assert_same(affect, second)
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert "Valence and arousal were taught from AffectNet's annotations." in card


def test_the_last_two_of_ten_outputs_are_valence_and_arousal(tmp_path: Path) -> None:
    original = network("mobilenet_v2", 10)
    torch.save(original.state_dict(), tmp_path / "m.pth")
    result = convert(tmp_path / "m.pth", tmp_path / "out", "--labels", "affectnet8", "--size", str(SIZE), "--tanh")
    assert result.exit_code == 0, result.output
    assert "8 emotions, then valence and arousal" in result.stdout
    logits, affect = answers(tmp_path / "out", images())
    with torch.no_grad():
        expected = original(normalised(images()))
    assert_same(logits, expected[:, :8])
    assert_same(affect, torch.tanh(expected[:, 8:]))


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("wrap", [dict, lightning])
def test_this_projects_own_network_keeps_its_normalisation(
    tmp_path: Path, half: bool, wrap: Callable[[State], State]
) -> None:
    torch.manual_seed(0)
    spec = NetworkSpec("mobilenet_v2", 8, "gray", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    original = EmotionNetwork(spec)
    randomized(original)
    if half:  # as a checkpoint of half the size holds it, read back
        original.load_state_dict(
            {k: v.half().float() if v.is_floating_point() else v for k, v in original.state_dict().items()}
        )
    state = {k: v.half() if half and v.is_floating_point() else v for k, v in original.state_dict().items()}
    wrapped = wrap(state)
    if half and "state_dict" in wrapped:
        wrapped["state_dict"]["loss.weight"] = torch.ones(8).half()
    torch.save(wrapped, tmp_path / "m.ckpt")
    result = convert(tmp_path / "m.ckpt", tmp_path / "out", "--labels", ",".join(LABELS), "--size", str(SIZE))
    assert result.exit_code == 0, result.output
    config = read_bundle(tmp_path / "out").config
    assert config.input.color == "gray"
    np.testing.assert_allclose(config.input.mean + config.input.std, [0.5] * 3 + [0.25] * 3, atol=1e-3)
    assert config.files["model_weights.pth"].precision == ("float16" if half else "float32")
    logits, affect = answers(tmp_path / "out", images())
    with torch.no_grad():
        expected = original(torch.from_numpy(images()))
    assert_same(logits, expected[0])
    assert_same(affect, expected[1])


def test_a_network_of_one_gray_channel(tmp_path: Path) -> None:
    original = network("resnet18", 7)
    original.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    torch.save(original.state_dict(), tmp_path / "m.pth")
    options = ("--labels", "fer7", "--size", str(SIZE))
    result = convert(tmp_path / "m.pth", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert "one gray channel: give its normalisation" in result.stderr
    result = convert(tmp_path / "m.pth", tmp_path / "out", *options, "--mean", "0.5", "--std", "0.25")
    assert result.exit_code == 0, result.output
    luma = images().astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    with torch.no_grad():
        expected = original(torch.from_numpy((luma / 255 - 0.5) / 0.25)[:, None])
    assert_same(answers(tmp_path / "out", images())[0], expected)
    config = read_bundle(tmp_path / "out").config
    assert (config.input.color, config.labels) == ("gray", PRESETS["fer7"])


def test_a_network_of_blue_green_red(tmp_path: Path) -> None:
    original = network("resnet18", 8)
    torch.save(original.state_dict(), tmp_path / "m.pth")
    colours = ("--bgr", "--mean", "104,117,123", "--std", "57,58,59", "--scale", "1")
    options = ("--labels", "ferplus8", "--size", str(SIZE), *colours)
    assert convert(tmp_path / "m.pth", tmp_path / "out", *options).exit_code == 0
    pixels = torch.from_numpy(images()[..., ::-1].copy()).float()
    prepared = (pixels - torch.tensor([104.0, 117, 123])) / torch.tensor([57.0, 58, 59])
    with torch.no_grad():
        expected = original(prepared.permute(0, 3, 1, 2))
    assert_same(answers(tmp_path / "out", images())[0], expected)
    assert read_bundle(tmp_path / "out").config.input.mean == pytest.approx((123 / 255, 117 / 255, 104 / 255))


def test_what_the_user_says_is_in_the_config(tmp_path: Path) -> None:
    torch.save(network("resnet18", 3).state_dict(), tmp_path / "theirs.pth")
    said = ("--training-data", "RAF-DB", "--licence", "research only", "--name", "raf")
    crop = ("--crop-scale", "1.2", "--crop-shift", "-0.1", "--source-size", "48")
    options = ("--labels", "Happy,sad,bored", "--size", str(SIZE), *said, *crop)
    assert convert(tmp_path / "theirs.pth", tmp_path / "out", *options).exit_code == 0
    config = json.loads((tmp_path / "out" / "model_config.json").read_text())
    assert config["name"] == "raf"
    assert config["labels"] == ["happiness", "sadness", "bored"]
    assert config["crop"] == {"scale": 1.2, "shift_y": -0.1, "align": "eyes", "source_size": 48}
    assert (config["training"]["data"], config["training"]["licence"]) == ("RAF-DB", "research only")


def renamed(state: State, old: str, new: str) -> State:
    return {name.replace(old, new): value for name, value in state.items()}


def with_stem(state: State) -> State:
    return {**state, "conv1.weight": torch.zeros(64, 3, 3, 3)}


def doubled(state: State) -> State:
    return {f"{place}.{name}": value for place in ("student", "teacher") for name, value in state.items()}


SAID = ("--labels", "affectnet8", "--size", str(SIZE))


@pytest.mark.parametrize(
    ("outputs", "change", "options", "says"),
    [
        (8, dict, ("--size", "32"), "--labels is missing: its classifier fc gives 8 numbers"),
        (8, dict, ("--labels", "affectnet8"), "--size is missing"),
        (7, dict, SAID, "--labels names 8 (neutral, happiness"),
        (10, dict, SAID, "does not say what the network does with valence and arousal"),
        (8, dict, ("--labels", "affectnet9", "--size", "32"), "no such order; use one of affectnet8"),
        (2, dict, ("--labels", "happy,joy", "--size", "32"), "happiness is there twice"),
        (8, dict, (*SAID, "--arch", "resnet19"), "--arch resnet19: no such network"),
        (8, dict, (*SAID, "--arch", "resnet34"), "not the tensors of resnet34: it has no layer1.2.conv1.weight"),
        (8, dict, (*SAID, "--arch", "vgg11"), "not the tensors of vgg11: it has no such names"),
        (8, dict, (*SAID, "--mean", "0.5"), "--std is missing"),
        (8, dict, (*SAID, "--mean", "0.5", "--std", "x"), "--std x: give one number, or three"),
        (8, dict, (*SAID, "--mean", "104,117,123", "--std", "1"), "add --scale 1"),
        (8, dict, (*SAID, "--normalisation", "caffe"), "--normalisation caffe: use imagenet"),
        (8, dict, (*SAID, "--normalisation", "imagenet", "--bgr"), "blue, green, red"),
        (8, dict, (*SAID, "--bgr"), "--bgr needs --mean and --std"),
        (8, dict, (*SAID, "--logits", "x"), "--logits is for .onnx files"),
        (8, with_stem, SAID, "the nearest is resnet18: its conv1.weight is [64, 3, 3, 3], not [64, 3, 7, 7]"),
        (8, lambda s: renamed(s, "layer", "blocks"), SAID, "no torchvision network has tensors like these"),
        (8, lambda s: renamed(s, "fc.", "fc.0."), (*SAID, "--prefix", "x."), "--prefix x.: no tensor"),
        (8, lambda s: {**s, "neck.weight": torch.zeros(64, 64)}, SAID, "does not have (neck.weight)"),
        (8, lambda s: {k: v for k, v in s.items() if "fc" not in k}, SAID, "without a classifier on its 512 features"),
        (8, lambda s: {**s, "aux.weight": torch.zeros(5, 512)}, SAID, "can't be told apart: fc (8 outputs), aux (5"),
        (8, doubled, SAID, "holds 2 networks, under 'student.', 'teacher.'"),
        (8, lambda s: {"model": s, "net": s}, SAID, "several state dicts (model, net)"),
        (8, lambda s: {"epoch": 3, "lr": 0.1}, SAID, "holds no state dict (epoch, lr)"),
    ],
)
def test_what_is_wrong_or_missing_is_one_line(
    tmp_path: Path, outputs: int, change: Callable[[State], State], options: tuple[str, ...], says: str
) -> None:
    torch.save(change(dict(network("resnet18", outputs).state_dict())), tmp_path / "m.pth")
    check_refused(convert(tmp_path / "m.pth", tmp_path / "out", *options), tmp_path, says)


def check_refused(result: Result, folder: Path, says: str) -> None:
    """Exit code 2, one line that says it, and nothing left behind."""
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert says in line
    assert not (folder / "out").exists()
    assert list(folder.glob(".*")) == []


def test_one_of_several_networks_is_chosen_by_its_prefix(tmp_path: Path) -> None:
    torch.save(doubled(dict(network("resnet18", 8).state_dict())), tmp_path / "m.pth")
    assert convert(tmp_path / "m.pth", tmp_path / "out", *SAID, "--prefix", "student.").exit_code == 0


def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path: Path, trap: tuple[object, Path]) -> None:
    torch.save({"state_dict": network("resnet18", 8).state_dict(), "extra": trap[0]}, tmp_path / "m.pth")
    check_refused(convert(tmp_path / "m.pth", tmp_path / "out", *SAID), tmp_path, "refused, it refers to")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(trap[0]))
    check_refused(convert(tmp_path / "bare.pth", tmp_path / "out", *SAID), tmp_path, "refused, it holds more than")
    assert not trap[1].exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.pth", b"no model", "not a readable PyTorch checkpoint"),
        ("m.pth", b"", "not a readable PyTorch checkpoint"),
        ("m.h5", b"no model", ".h5 can't"),
    ],
)
def test_what_is_no_checkpoint(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    check_refused(convert(tmp_path / name, tmp_path / "out", *SAID), tmp_path, says)


def test_torchscript_and_whole_modules_are_no_state_dicts(tmp_path: Path) -> None:
    original = network("resnet18", 8)
    torch.save(original, tmp_path / "whole.pth")
    check_refused(convert(tmp_path / "whole.pth", tmp_path / "out", *SAID), tmp_path, "refused, it refers to")
    torch.jit.save(torch.jit.trace(original, torch.zeros(1, 3, SIZE, SIZE)), tmp_path / "script.pt")
    check_refused(convert(tmp_path / "script.pt", tmp_path / "out", *SAID), tmp_path, "TorchScript")


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    torch.save(network("resnet18", 8).state_dict(), tmp_path / "m.pth")
    out = tmp_path / "bundle"
    out.mkdir()
    assert convert(tmp_path / "m.pth", out, *SAID).exit_code == 0  # empty: fine
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    result = convert(tmp_path / "m.pth", out, *SAID)
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_size_at_which_the_network_does_not_run(tmp_path: Path) -> None:
    torch.save(network("inception_v3", 8).state_dict(), tmp_path / "m.pth")
    result = convert(tmp_path / "m.pth", tmp_path / "out", *SAID)
    check_refused(result, tmp_path, "inception_v3 does not run at --size 32")


@pytest.mark.parametrize(
    "architecture", ["resnet50", "regnet_y_400mf", "efficientnet_b1", "convnext_tiny", "swin_v2_t"]
)
def test_families_are_told_by_their_tensors(architecture: str) -> None:
    state = network(architecture, 8).state_dict()
    match = identify({f"net.{name}": tuple(value.shape) for name, value in state.items()})
    assert (match.body.architecture, match.prefix) == (architecture, "net.")


def test_a_network_without_a_linear_classifier_is_no_candidate() -> None:
    assert body_of("squeezenet1_0") is None


def test_rows_of_a_linear_layer() -> None:
    layer = Linear(torch.arange(6.0).reshape(3, 2), torch.tensor([1.0, 2.0, 3.0]))
    assert layer.rows(1, 3).weight.tolist() == [[2, 3], [4, 5]]
    assert layer.rows(1, 3).bias.tolist() == [2, 3]


@pytest.mark.parametrize("name", PRESETS)
def test_published_orders_name_each_emotion_once(name: str) -> None:
    assert set(PRESETS[name]) == set(LABELS[: 7 if name.endswith("7") else 8])
    assert len(PRESETS[name]) == int(name[-1])


def test_what_stops_halfway_leaves_nothing_and_what_is_done_appears_at_once(tmp_path: Path) -> None:
    out = tmp_path / "new" / "bundle"
    with pytest.raises(KeyboardInterrupt), new_folder(out) as folder:
        (folder / "model_weights.pth").write_bytes(b"half")
        raise KeyboardInterrupt
    assert list(out.parent.iterdir()) == []
    with new_folder(out) as folder:
        (folder / "model_weights.pth").write_bytes(b"whole")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["model_weights.pth"]
    assert [path.name for path in out.parent.iterdir()] == ["bundle"]
