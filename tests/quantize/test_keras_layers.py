"""Every kind of layer, alone, in Keras and in torch; and what has no counterpart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edge.engines.keras import import_keras
from edge.engines.network import torchvision
from quantize.export.keras import KerasPort
from quantize.export.layers import UnportableError, layers_of
from quantize.export.pooling import FixedPool, averaging, fixed_pooling

channel_shuffle = torchvision.models.shufflenetv2.channel_shuffle

SIZE, CHANNELS = 11, 8


class Calls(nn.Module):
    """Calls a function of torch, which may use the layers given by name."""

    def __init__(self, function, **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def pooled(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def shuffled(self: Calls, x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=1)
    both = torch.cat((self.conv(first), second), dim=1)
    return channel_shuffle(both, 2).mean([2, 3])


def over_channels(self: Calls, x: Tensor) -> Tensor:
    y = self.linear(self.norm(torch.permute(x, (0, 2, 3, 1))))
    return (torch.permute(y, (0, 3, 1, 2)) + x).mean([2, 3])


PORTABLE = {
    "conv": pooled(nn.Conv2d(CHANNELS, 6, 3, stride=2, padding=1)),
    "conv with an even kernel": pooled(nn.Conv2d(CHANNELS, 6, 4, padding=1)),
    "conv of 1x7": pooled(nn.Conv2d(CHANNELS, 6, (1, 7), padding=(0, 3))),
    "conv in groups": pooled(nn.Conv2d(CHANNELS, 12, 3, stride=2, padding=1, groups=4)),
    "depthwise with dilation": pooled(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=2, dilation=2, groups=CHANNELS)),
    "max pool": pooled(nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)),
    "max pool of negatives at stride 1": pooled(nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)),
    "max pool that rounds up": pooled(nn.ReLU(), nn.MaxPool2d(2, stride=2, ceil_mode=True)),
    "max pool that rounds up, but not beyond its padding": pooled(
        nn.ReLU(), nn.MaxPool2d(2, stride=3, padding=1, ceil_mode=True)
    ),
    "average pool that counts its padding": pooled(nn.AvgPool2d(3, stride=1, padding=1)),
    "flatten of cells that overlap": nn.Sequential(
        nn.AdaptiveAvgPool2d((7, 4)),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(CHANNELS * 28, 9),
        nn.ReLU(),
        nn.Linear(9, 5),
    ),
    "flatten of more cells than the map has": nn.Sequential(
        nn.Conv2d(CHANNELS, 4, 5, stride=4), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(36, 5)
    ),
    "chunks, concatenated and shuffled": Calls(shuffled, conv=nn.Conv2d(4, 4, 1)),
    "layer norm and linear over channels": Calls(
        over_channels, norm=nn.LayerNorm(CHANNELS, eps=1e-3), linear=nn.Linear(CHANNELS, CHANNELS)
    ),
    "gelu": pooled(nn.GELU()),
}


@pytest.mark.parametrize("name", PORTABLE)
def test_keras_gives_what_torch_gives(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Module()
    network.backbone = PORTABLE[name].eval()
    x = torch.randn(3, CHANNELS, SIZE, SIZE)
    with torch.inference_mode():
        expected = network.backbone(x).numpy()
    keras = import_keras()
    port = KerasPort(network, keras)
    image = keras.Input((SIZE, SIZE, CHANNELS))
    model = keras.Model(image, port.backbone(image))
    port.check_complete()
    found = np.asarray(model(x.permute(0, 2, 3, 1).numpy()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [
        (pooled(nn.MultiheadAttention(8, 2)), "no counterpart for the layer MultiheadAttention"),
        (pooled(nn.PReLU()), "no counterpart for the layer PReLU"),
        (pooled(nn.GELU("tanh")), "no counterpart for the layer GELU"),
        (pooled(nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")), "a convolution whose padding is not zeros"),
        (pooled(nn.Conv2d(8, 8, 3, stride=2, dilation=2)), "a convolution with both stride and dilation"),
        (pooled(nn.MaxPool2d(3, padding=1, stride=2)), "padded max pooling of negative values"),
        (pooled(nn.MaxPool2d(2, ceil_mode=True)), "max pooling of negative values with ceil_mode"),
        (pooled(nn.AvgPool2d(2, ceil_mode=True)), "average pooling with ceil_mode"),
        (nn.Sequential(nn.Flatten(), nn.Linear(8, 2)), "it flattens a feature map that is not pooled"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Conv2d(8, 8, 1)), "adaptive pooling to more than 1x1"),
        (pooled(Calls(lambda self, x: x + 1)), "arithmetic with a constant"),
        (pooled(Calls(lambda self, x: x if x.sum() > 0 else -x)), "its code cannot be traced"),
        (pooled(Calls(lambda self, x: torch.cat([x, x], dim=2))), "no counterpart for cat of anything but channels"),
        (pooled(Calls(lambda self, x: x.transpose(1, 2))), "no counterpart for transpose"),
        (nn.Sequential(nn.Conv2d(8, 8, 1)), "it does not end in a vector of features"),
    ],
)
def test_what_has_no_counterpart_is_said(backbone: nn.Module, reason: str) -> None:
    with pytest.raises(UnportableError) as raised:
        layers_of(backbone.eval())
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize(
    ("size", "cells", "rows"),
    [
        (4, 2, [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]),
        (1, 3, [[1], [1], [1]]),
        (3, 2, [[0.5, 0.5, 0], [0, 0.5, 0.5]]),
    ],
)
def test_adaptive_pooling_is_a_matrix(size: int, cells: int, rows: list[list[float]]) -> None:
    np.testing.assert_array_equal(averaging(size, cells), np.array(rows, np.float32))
    x = torch.randn(2, 3, size, size)
    expected = nn.functional.adaptive_avg_pool2d(x, cells)
    torch.testing.assert_close(FixedPool(size, size, (cells, cells))(x), expected)


def test_pooling_is_fixed_only_inside_the_block() -> None:
    network = nn.Sequential(nn.Sequential(nn.AdaptiveAvgPool2d(7)), nn.AdaptiveAvgPool2d(1))
    pool = network[0][0]
    x = torch.randn(1, 2, 5, 6)
    expected = network(x)
    with fixed_pooling(network, x):
        assert [type(module).__name__ for module in (network[0][0], network[1])] == ["FixedPool", "AdaptiveAvgPool2d"]
        torch.testing.assert_close(network(x), expected)
    assert network[0][0] is pool
