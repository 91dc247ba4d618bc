"""The prepared network is the same network: batch norms folded, raw pixels in, whatever colour, mean and padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.errors import EdgeError
from quantize.int8.prepared import PreparedNetwork, unpreparable
from quantize.int8.simulation import points


def network(architecture: str, color: str = "rgb") -> EmotionNetwork:
    """Random weights, and batch norms whose every number matters."""
    torch.manual_seed(1)
    result = EmotionNetwork(NetworkSpec(architecture, 8, color, (0.1, 0.5, 0.7), (0.2, 0.3, 0.25)))  # type: ignore[arg-type]
    for module in result.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return result.eval()


@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet18", "mobilenet_v3_small", "densenet121"])
def test_prepared_networks_give_the_same_numbers(architecture: str, color: str) -> None:
    original = network(architecture, color)
    prepared = PreparedNetwork(original)
    images = torch.randint(0, 256, (3, 40, 40, 3), dtype=torch.uint8)
    images[2] = 0  # the border shows most where the picture is darkest
    with torch.inference_mode():
        wanted, found = original(images), prepared(images)
    scale = float(wanted[0].abs().max())
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_allclose(other.numpy(), one.numpy(), rtol=0, atol=2e-5 * max(1.0, scale))
    assert isinstance(original.backbone.get_submodule(prepared.first), nn.Conv2d)
    assert original.backbone.get_submodule(prepared.first).in_channels == 3, "the original stays as it is"
    if architecture != "densenet121":  # its norms stand before their convolutions
        assert not any(isinstance(module, nn.BatchNorm2d) for module in prepared.modules())


def test_a_network_whose_image_does_not_go_into_one_convolution_is_refused_in_words() -> None:
    original = network("resnet18")
    original.backbone.conv1 = nn.Sequential(nn.ReLU(), original.backbone.conv1)
    assert unpreparable(original) == "its image does not go into one plain convolution"
    with pytest.raises(EdgeError, match="resnet18 cannot be quantized: its image does not go into"):
        PreparedNetwork(original)


@pytest.mark.parametrize(
    ("architecture", "first", "kinds"),
    [
        # of the eight sums the last one is followed by pooling alone and stays float
        ("resnet18", ("conv1", "conv"), {"conv": 20, "add": 7}),
        ("mobilenet_v2", ("features.0.0", "conv"), {"conv": 35, "depthwise": 17, "add": 10}),
    ],
)
def test_activations_are_rounded_after_each_convolution_with_its_relu_and_after_each_sum(
    architecture: str, first: tuple[str, str], kinds: dict[str, int]
) -> None:
    found = points(PreparedNetwork(network(architecture)))
    assert (found[0].name, found[0].kind) == first
    counted = {kind: sum(point.kind == kind for point in found) for kind in kinds}
    assert counted == kinds
    assert len(found) == sum(kinds.values()), "what follows the last convolution stays float"
    assert len({point.name for point in found}) == len(found)
