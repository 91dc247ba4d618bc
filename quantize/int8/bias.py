"""Bias correction: what rounding adds to a layer's output on average is taken off its bias.

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV), section 4.2, in its
empirical form: the error is measured on calibration images, layer after layer, each with all earlier ones corrected.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from quantize.int8.prepared import PreparedNetwork, pixels_of
from quantize.int8.ranges import Range
from quantize.int8.simulation import simulate, traced

#: All of one batch: each layer is corrected on its way, so that the next one sees it corrected.
IMAGES = 128


def correct_biases(
    network: PreparedNetwork,
    ranges: dict[str, Range],
    bits: int,
    images: NDArray[np.uint8],
    float_layers: Sequence[str] = (),
) -> PreparedNetwork:
    """Return a copy whose biases make the mean output of every convolution what it is in float.

    Args:
        network: stays as it is.
        ranges: of the activations, by point.
        bits: of the weights.
        images: uint8 ``[N, S, S, 3]``; the first :data:`IMAGES` are used.
        float_layers: convolutions that will stay float: only what earlier layers did to them is made up for.
    """
    images = images[:IMAGES]
    result = copy.deepcopy(network)
    layers = result.convolutions()
    wanted = _means(network, images)
    simulation = simulate(network, ranges, bits, float_layers)
    with torch.inference_mode():
        corrector = _Corrector(simulation.network.backbone, wanted)
        corrector.run(pixels_of(torch.from_numpy(images)))
    for name, shift in corrector.shifts.items():
        layer = layers[name]
        if layer.bias is None:
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))
        layer.bias.data = layer.bias.data - shift.clone()
    return result


def _means(network: PreparedNetwork, images: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Mean output of every convolution in float, ``[C]``, before its activation."""
    modules = dict(network.backbone.named_modules())
    called = [node for node in network.backbone.graph.nodes if node.op == "call_module"]
    nodes = {n.name: str(n.target) for n in called if isinstance(modules[str(n.target)], nn.Conv2d)}
    sums: dict[str, Tensor] = {}
    for values in traced(network, images, 32, set(nodes)):
        for node, value in values.items():
            sums[nodes[node]] = sums.get(nodes[node], torch.zeros(1)) + value.mean(dim=(2, 3)).sum(0) / len(images)
    return sums


class _Corrector(fx.Interpreter):
    """Runs the simulation on one batch and corrects each convolution as it comes by."""

    def __init__(self, module: fx.GraphModule, wanted: dict[str, Tensor]) -> None:
        super().__init__(module)
        self.wanted = wanted
        self.shifts: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.op == "call_module" and str(n.target) in self.wanted:
            shift = value.mean(dim=(0, 2, 3)) - self.wanted[str(n.target)]
            self.shifts[str(n.target)] = shift
            value = value - shift[None, :, None, None]
        return value
