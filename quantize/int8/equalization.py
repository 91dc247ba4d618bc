"""Cross-layer equalization: scale channels so that consecutive layers share their range evenly.

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV), section 4.1: between
two convolutions with a ReLU in between, an output channel of the first may be divided by any positive number if the
second multiplies it back. With ``s = sqrt(r1 * r2) / r2`` both have the same range ``sqrt(r1 * r2)`` in that channel.

ReLU6 does not commute with scaling. The paper puts ReLU in its place, which makes it another network (on a MobileNetV2
taught with ReLU6 that alone cost 2 % of the answers). Here ReLU6 stays, and a channel is scaled only as far as it stays
below 6 on the calibration images, not at all if it ever reaches 6: the network stays what it was.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from quantize.int8.prepared import PreparedNetwork
from quantize.int8.simulation import traced

#: Passes over all pairs; a block's three layers depend on each other, and later passes change little.
PASSES = 20
#: Scales beyond this only move numbers where float loses them.
LARGEST = 1e4
#: Where channels below a ReLU6 must stay: other images may reach a little further than the calibration images did.
SIX = 5.5


def equalize(network: PreparedNetwork, images: NDArray[np.uint8]) -> PreparedNetwork | None:
    """Return an equalized copy, or None where no two convolutions follow each other.

    Args:
        network: stays as it is.
        images: uint8 ``[N, S, S, 3]``, to see which channels reach the 6 of a ReLU6.
    """
    result = copy.deepcopy(network)
    pairs = _pairs(result)
    if not pairs:
        return None
    layers = result.convolutions()
    greatest = _greatest(result, {pair[1] for pair in pairs if pair[1]}, images)
    with torch.no_grad():
        for _ in range(PASSES):
            for first, activation, second in pairs:
                top = greatest.get(activation or "")
                scale = _balance(layers[first], layers[second], top)
                if top is not None:
                    top /= scale
    return result


def _greatest(network: PreparedNetwork, names: set[str], images: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Largest value of each channel behind every named ReLU6, ``[C]``."""
    modules = dict(network.backbone.named_modules())
    called = [node for node in network.backbone.graph.nodes if node.op == "call_module" and str(node.target) in names]
    nodes = {node.name: str(node.target) for node in called if isinstance(modules[str(node.target)], nn.ReLU6)}
    found: dict[str, Tensor] = {}
    for values in traced(network, images, 32, set(nodes)):
        for node, value in values.items():
            here = value.amax(dim=(0, 2, 3))
            found[nodes[node]] = torch.maximum(found.get(nodes[node], here), here)
    return found


def _pairs(network: PreparedNetwork) -> list[tuple[str, str | None, str]]:
    """Convolutions that feed exactly one other, through a ReLU or nothing: ``(first, activation, second)``."""
    modules = dict(network.backbone.named_modules())
    found = []
    for node in network.backbone.graph.nodes:
        if node.op != "call_module" or not isinstance(modules[str(node.target)], nn.Conv2d) or len(node.users) != 1:
            continue
        follower, activation = next(iter(node.users)), None
        if follower.op == "call_module" and isinstance(modules[str(follower.target)], nn.ReLU | nn.ReLU6):
            if len(follower.users) != 1:
                continue
            activation, follower = str(follower.target), next(iter(follower.users))
        if _takes_channels(follower, modules):
            found.append((str(node.target), activation, str(follower.target)))
    return found


def _takes_channels(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node is a convolution whose input channels can be told apart: plain, or one filter a channel."""
    layer = modules.get(str(node.target)) if node.op == "call_module" else None
    return isinstance(layer, nn.Conv2d) and layer.groups in (1, layer.in_channels)


def _balance(first: nn.Conv2d, second: nn.Conv2d, greatest: Tensor | None) -> Tensor:
    """Scale one pair and return by what the first one's channels were divided."""
    r1, r2 = first.weight.abs().amax(dim=(1, 2, 3)), _ranges_in(second)
    scale = torch.where((r1 > 0) & (r2 > 0), torch.sqrt(r1 * r2) / r2.clamp(min=1e-12), torch.ones_like(r1))
    scale = scale.clamp(1 / LARGEST, LARGEST)
    if greatest is not None:  # a ReLU6 in between
        scale = torch.where(greatest < SIX, torch.maximum(scale, greatest / SIX), torch.ones_like(scale))
    first.weight /= scale[:, None, None, None]
    if first.bias is not None:
        first.bias /= scale
    second.weight *= scale[:, None, None, None] if second.groups > 1 else scale[None, :, None, None]
    return scale


def _ranges_in(layer: nn.Conv2d) -> Tensor:
    """Largest weight of each input channel."""
    return layer.weight.abs().amax(dim=(1, 2, 3) if layer.groups > 1 else (0, 2, 3))
