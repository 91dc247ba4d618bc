"""What can be ported, what a file says of itself, and a card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edge.bundle import read_bundle
from edge.card import card
from edge.engines.network import EmotionNetwork, NetworkSpec
from quantize.export.keras import unportable
from quantize.int8.onnx import widest_weight


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("mobilenet_v2", None),
        ("mobilenet_v3_small", None),
        ("resnet18", None),
        ("resnet50", None),
        ("efficientnet_b0", None),
        ("regnet_x_400mf", None),
        ("swin_t", "no counterpart for the layer ShiftedWindowAttention"),
    ],
)
def test_which_architectures_can_be_ported_to_keras(architecture: str, reason: str | None) -> None:
    found = unportable(EmotionNetwork(NetworkSpec(architecture)))
    assert found is None if reason is None else (found or "").startswith(reason)


@pytest.mark.parametrize("weights", [[-64, 63], [-127, 5], [127]])
def test_widest_weight_reads_weights_and_no_zero_points(tmp_path: Path, weights: list[int]) -> None:
    tensor = onnx.numpy_helper.from_array(np.array([weights], np.int8), "w")
    zeros = onnx.numpy_helper.from_array(np.array([-128, -128], np.int8), "z")
    output = onnx.helper.make_tensor_value_info("w", onnx.TensorProto.INT8, [1, len(weights)])
    graph = onnx.helper.make_graph([], "g", [], [output], [tensor, zeros])
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
