"""The gate's rules, on TorchScript files that stray from their checkpoint by a known amount."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edge.bundle import read_bundle
from edge.card import card
from edge.engines.network import EmotionNetwork, NetworkSpec
from quantize.export.keras import unportable
from quantize.export.torchscript import export_torchscript
from quantize.images import choose
from quantize.int8.onnx import widest_weight
from quantize.parity import Reference, check, reference
from quantize.pipeline import open_source


@pytest.fixture
def judged(bundle: Path, ferplus: Path) -> tuple[Path, EmotionNetwork, Reference]:
    source = open_source(bundle)
    images = choose(f"ferplus:{ferplus}", source.bundle.config, 0, 8, 0)
    found = reference(source.network, images.comparison, images.data, images.truth)
    return bundle, source.network, found


@pytest.mark.parametrize(
    ("shift", "int8", "problem"),
    [
        (0.0, False, None),
        (5e-5, False, None),
        (3e-4, False, "differs from the checkpoint by 0.0003"),
        (0.5, True, None),  # every logit moved alike: the same emotion is named
    ],
)
def test_float_files_are_held_to_their_logits_and_int8_files_to_the_emotion(
    judged: tuple[Path, EmotionNetwork, Reference], shift: float, int8: bool, problem: str | None
) -> None:
    folder, network, found = judged
    network.emotion.bias.data += shift
    export_torchscript(network, folder / "model.pt", 32)
    parity = check(folder / "model.pt", read_bundle(folder).config, found, int8)
    assert parity.logit_difference == pytest.approx(shift, abs=4e-5)
    assert parity.agreement == 1
    assert (parity.problem is None) if problem is None else (parity.problem or "").startswith(problem)


@pytest.mark.parametrize("head", ["emotion", "valence_arousal"])
def test_a_file_that_gives_nan_never_passes(judged: tuple[Path, EmotionNetwork, Reference], head: str) -> None:
    folder, network, found = judged
    getattr(network, head).bias.data[0] = float("nan")
    export_torchscript(network, folder / "model.pt", 32)
    for int8 in (False, True):
        assert check(folder / "model.pt", read_bundle(folder).config, found, int8).problem == (
            "gives values that are no numbers"
        )


def test_int8_may_not_lose_more_than_a_point_even_where_it_agrees(
    judged: tuple[Path, EmotionNetwork, Reference],
) -> None:
    folder, network, found = judged
    export_torchscript(network, folder / "model.pt", 32)
    logits = found.logits.copy()
    wrong = found.logits.argmin(axis=1)[:2]
    logits[[0, 1], wrong] = 100  # the checkpoint is said to be right on these two of 64, the file is not
    truth = logits.argmax(axis=1)
    judge = Reference(found.images, logits, found.valence_arousal, found.data, truth)
    parity = check(folder / "model.pt", read_bundle(folder).config, judge, int8=True)
    assert parity.agreement == pytest.approx(62 / 64)
    assert parity.problem == "loses 3.1 points of accuracy, allowed is 1"
    unlabelled = Reference(found.images, logits, found.valence_arousal, found.data)
    parity = check(folder / "model.pt", read_bundle(folder).config, unlabelled, int8=True)
    assert (parity.problem, parity.metrics) == (None, None)


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("mobilenet_v2", None),
        ("mobilenet_v3_small", None),
        ("resnet18", None),
        ("resnet50", None),
        ("efficientnet_b0", None),
        ("shufflenet_v2_x0_5", "no counterpart for"),
        ("densenet121", "no counterpart for cat"),
        ("mnasnet0_5", "no counterpart for call_method mean"),
    ],
)
def test_which_architectures_can_be_ported_to_keras(architecture: str, reason: str | None) -> None:
    found = unportable(EmotionNetwork(NetworkSpec(architecture)))
    assert found is None if reason is None else (found or "").startswith(reason)


@pytest.mark.parametrize("weights", [[-64, 63], [-127, 5], [127]])
def test_widest_weight_reads_the_file(tmp_path: Path, weights: list[int]) -> None:
    tensor = onnx.numpy_helper.from_array(np.array(weights, np.int8), "w")
    output = onnx.helper.make_tensor_value_info("w", onnx.TensorProto.INT8, [len(weights)])
    graph = onnx.helper.make_graph([], "g", [], [output], [tensor])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "m.onnx"))
    assert widest_weight(tmp_path / "m.onnx") == max(abs(weight) for weight in weights)


def test_card_of_an_annotated_model_does_not_call_its_head_weak(bundle: Path) -> None:
    from msgspec.structs import replace

    config = read_bundle(bundle).config
    assert "weakly taught" in card(config)
    training = replace(config.training, valence_arousal="the data set's own annotations")
    text = card(replace(config, training=training))
    assert "weak" not in text
    assert "Valence and arousal were taught from the data set's own annotations." in text
