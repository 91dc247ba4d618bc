"""What the gate keeps out: mistakes planted on purpose, in real files run by their own runtimes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch

from edge.bundle import Config, Precision
from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.labels import LABELS
from quantize.export.onnx import describe, export_graph, export_onnx
from quantize.export.torchscript import export_torchscript
from quantize.gate import Limits, judge
from quantize.images import choose
from quantize.int8.onnx import OnnxGraph, widest_weight
from quantize.int8.prepared import PreparedNetwork
from quantize.int8.ranges import choose_all
from quantize.parity import Reference, compare, compared, reference, torch_run
from quantize.source import open_source


@dataclasses.dataclass(frozen=True)
class Case:
    """A taught network that sees colour, what it says about images, and somewhere to write."""

    network: EmotionNetwork
    config: Config
    calibration: np.ndarray
    reference: Reference
    folder: Path

    def judged(self, path: Path, precision: Precision, limits: Limits = Limits()) -> str | None:  # noqa: B008
        return judge(path, self.config, precision, compare(path, self.config, self.reference), limits)

    def int8(self, network: EmotionNetwork, bits: int = 7) -> Path:
        """An int8 ONNX file of a network, by this project's own exporter."""
        size = self.config.input.size
        export_graph(PreparedNetwork(network), self.folder / "p.onnx", size)
        graph = OnnxGraph(self.folder / "p.onnx", self.folder)
        ranges = choose_all("minmax", graph.observe(self.calibration))
        graph.write(self.folder / "model_int8.onnx", ranges, self.config, bits=bits)
        return self.folder / "model_int8.onnx"

    def script(self, network: EmotionNetwork) -> Path:
        export_torchscript(network, self.folder / "model.pt", self.config.input.size)
        return self.folder / "model.pt"


@pytest.fixture(scope="module")
def taught(
    make_bundle: Callable[[Path, str], Path], ferplus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[EmotionNetwork, Config, np.ndarray, Reference]:
    """The tests' taught MobileNetV2 as a colour network: patterns are red on blue, so that their order matters."""
    source = open_source(make_bundle(tmp_path_factory.mktemp("gate"), "mobilenet_v2"))
    assert source.network is not None
    config = source.bundle.config
    config = msgspec.structs.replace(config, input=msgspec.structs.replace(config.input, color="rgb"))
    spec = NetworkSpec(config.architecture, len(config.labels), "rgb", config.input.mean, config.input.std)
    network = EmotionNetwork(spec)
    mixing = torch.tensor([1.0, 0.0, 0.0]).repeat(3, 1) / (255 * torch.tensor(spec.std)[:, None])
    network.load_state_dict(source.network.state_dict())
    network.normalize_weight.copy_(mixing[:, :, None, None])  # red alone is what the gray network saw
    images = choose(f"ferplus:{ferplus}", config, 0, 64, 0)
    calibration, comparison = (_reddened(part) for part in (images.calibration, images.comparison))
    found = reference(torch_run(network.eval()), comparison, images.data, images.truth, config.labels)
    assert found.accuracy is not None and found.accuracy > 0.9, "the mistakes below must have something to spoil"
    return network.eval(), config, calibration, found


@pytest.fixture
def case(taught: tuple[EmotionNetwork, Config, np.ndarray, Reference], tmp_path: Path) -> Case:
    return Case(*taught, tmp_path)


def _reddened(gray: np.ndarray) -> np.ndarray:
    result = gray.copy()
    result[..., 1], result[..., 2] = 128, 255 - gray[..., 0]
    return result


def _bgr(network: EmotionNetwork) -> EmotionNetwork:
    wrong = copy.deepcopy(network)
    wrong.normalize_weight.copy_(network.normalize_weight.flip(1))
    return wrong


def _not_normalised(network: EmotionNetwork) -> EmotionNetwork:
    wrong = copy.deepcopy(network)
    wrong.normalize_bias.zero_()
    return wrong


def _labels_swapped(network: EmotionNetwork) -> EmotionNetwork:
    wrong = copy.deepcopy(network)
    order = [1, 0, *range(2, 8)]
    wrong.emotion.weight.data, wrong.emotion.bias.data = (
        network.emotion.weight.data[order],
        network.emotion.bias.data[order],
    )
    return wrong


MISTAKES = [_bgr, _not_normalised, _labels_swapped]


def test_the_right_files_pass(case: Case) -> None:
    assert case.judged(case.script(case.network), "float32") is None
    export_onnx(case.network, case.folder / "model.onnx", case.config)
    assert case.judged(case.folder / "model.onnx", "float32") is None
    # 52 layers of random weights are rounded more roughly than taught ones.
    assert case.judged(case.int8(case.network), "int8", Limits(agreement=0.9, affect_rmse=0.2)) is None


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_float_file_is_caught(case: Case, mistake: Callable[[EmotionNetwork], EmotionNetwork]) -> None:
    problem = case.judged(case.script(mistake(case.network)), "float32")
    assert (problem or "").startswith("differs from the checkpoint by")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_int8_file_is_caught(case: Case, mistake: Callable[[EmotionNetwork], EmotionNetwork]) -> None:
    problem = case.judged(case.int8(mistake(case.network)), "int8")
    assert (problem or "").startswith("names the checkpoint's emotion on")


def test_weights_that_saturate_without_vnni_are_caught_on_every_processor(case: Case) -> None:
    path = case.int8(case.network, bits=8)
    assert widest_weight(path) > 100
    assert case.judged(path, "int8") == (
        f"has weights up to {widest_weight(path)}; beyond 64 processors without VNNI saturate and compute wrong values"
    )


def test_an_onnx_file_that_tells_its_users_another_order_of_labels_is_caught(case: Case) -> None:
    path = case.folder / "model.onnx"
    export_onnx(case.network, path, case.config)
    model = onnx.load(str(path))
    labels = case.config.labels
    describe(model, msgspec.structs.replace(case.config, labels=(labels[1], labels[0], *labels[2:])))
    onnx.save(model, str(path))
    assert "its metadata gives the labels as" in (case.judged(path, "float32") or "")


def test_a_float_file_under_an_int8_name_is_caught(case: Case) -> None:
    path = case.folder / "model_int8.onnx"
    export_onnx(case.network, path, case.config)
    assert case.judged(path, "int8") == "holds no int8 weight"


@pytest.mark.parametrize(
    ("precision", "shift", "problem"),
    [
        ("float32", 5e-5, None),
        ("float32", 3e-4, "differs from the checkpoint by 0.0003"),
        ("float16", 3e-4, None),
        ("float16", 3e-1, "differs from the checkpoint by 0.3"),
        ("int8", 0.5, None),  # every logit moved alike: the same emotion is named
    ],
)
def test_float_files_are_held_to_their_numbers_and_int8_files_to_the_emotion(
    case: Case, precision: Precision, shift: float, problem: str | None
) -> None:
    moved = copy.deepcopy(case.network)
    moved.emotion.bias.data += shift
    found = case.judged(case.script(moved), precision)
    assert found is None if problem is None else (found or "").startswith(problem)


@pytest.mark.parametrize("head", ["emotion", "valence_arousal"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_file_that_gives_nan_never_passes(case: Case, head: str, precision: Precision) -> None:
    broken = copy.deepcopy(case.network)
    getattr(broken, head).bias.data[0] = float("nan")
    assert case.judged(case.script(broken), precision) == "gives values that are no numbers"


def _answers(count: int, wrong: dict[int, int], affect: float = 0.0) -> tuple[Reference, np.ndarray, np.ndarray]:
    """A reference that is always right on ``count`` images of eight classes, and answers with given mistakes."""
    truth = np.arange(count) % 8
    logits = np.full((count, 8), -1.0, np.float32)
    logits[np.arange(count), truth] = 1.0
    images, calm = np.zeros((count, 2, 2, 3), np.uint8), np.zeros((count, 2), np.float32)
    found = Reference(images, logits, calm, "d", truth, LABELS)
    given = logits.copy()
    for row, name in wrong.items():
        given[row] = -1.0
        given[row, name] = 1.0
    return found, given, np.full((count, 2), affect, np.float32)


def _fear_lost(count: int) -> dict[int, int]:
    return {4 + 8 * number: 0 for number in range(count)}


@pytest.mark.parametrize(
    ("count", "wrong", "affect", "limits", "problem"),
    [
        (400, {}, 0.0, Limits(), None),
        (400, {0: 1}, 0.0, Limits(), None),  # 0.25 points
        # 1.5 points, and the interval lies above zero
        (
            400,
            {r: (r + 1) % 8 for r in range(6)},
            0.0,
            Limits(),
            "loses 1.50 points of accuracy (95 % interval 0.",
        ),
        # 2 points of 100 images: two images lost may be chance
        (100, {0: 1, 1: 2}, 0.0, Limits(), None),
        (400, {r: (r + 1) % 8 for r in range(20)}, 0.0, Limits(), "names the checkpoint's emotion on 95.0%"),
        (48, {r: (r + 1) % 8 for r in range(3)}, 0.0, Limits(drop=1.0), None),  # 94 % of 48 images may be chance
        (400, {}, 0.04, Limits(), None),
        (400, {}, 0.06, Limits(), "moves valence by 0.060 (root mean square), allowed are 0.05"),
        (1600, _fear_lost(25), 0.0, Limits(drop=0.02), "recognises fear in 12.5 % fewer of its 200 images"),
        (1600, _fear_lost(15), 0.0, Limits(drop=0.02), None),  # 7.5 %
        (80, _fear_lost(2), 0.0, Limits(drop=0.05), None),  # 20 % of ten images: too few to judge
    ],
)
def test_each_limit_keeps_out_what_is_beyond_it(
    tmp_path: Path, count: int, wrong: dict[int, int], affect: float, limits: Limits, problem: str | None
) -> None:
    found, logits, valence_arousal = _answers(count, wrong, affect)
    comparison = compared(logits, valence_arousal, found)
    config = msgspec.structs.replace(_config(), labels=found.labels)
    judged = judge(tmp_path / "model_int8.tflite", config, "int8", comparison, limits)
    assert (judged is None) if problem is None else (judged or "").startswith(problem)


def test_without_labels_an_int8_file_is_judged_by_agreement_and_affect_alone() -> None:
    found, logits, affect = _answers(400, {r: (r + 1) % 8 for r in range(6)})
    unlabelled = dataclasses.replace(found, truth=None)
    comparison = compared(logits, affect, unlabelled)
    assert comparison.metrics is None and comparison.recall_drops == {}
    assert (comparison.parity.accuracy_drop, comparison.parity.accuracy_drop_interval) == (None, None)
    assert judge(Path("model_int8.tflite"), _config(), "int8", comparison, Limits()) is None


def test_the_paired_interval_is_narrower_than_that_of_two_independent_accuracies() -> None:
    found, logits, affect = _answers(1000, {0: 1, 9: 0})
    flipped = dataclasses.replace(found, truth=np.where(np.arange(1000) % 5 == 0, 7, found.truth))
    parity = compared(logits, affect, flipped).parity
    assert parity.accuracy_drop is not None and parity.accuracy_drop_interval is not None
    low, high = parity.accuracy_drop_interval
    assert low <= parity.accuracy_drop <= high
    assert high - low < 0.01, "two accuracies of 80 % of 1,000 images differ by chance by 3.5 points"


def _config() -> Config:
    from edge.bundle import read_bundle
    from edge.model import DEFAULT_MODEL

    return read_bundle(DEFAULT_MODEL).config
