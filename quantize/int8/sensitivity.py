"""Which layers lose most when they become int8, and how noisy the whole network is at each of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from quantize.int8.prepared import PreparedNetwork
from quantize.int8.ranges import Histogram, Range
from quantize.int8.simulation import Simulation, points, simulate, traced
from quantize.record import Tensor

#: Pixels that the ranking looks at, 96 images of 64 px: beyond them the order is noise between equals. And the least.
PIXELS = 96 * 64 * 64
LEAST = 8


def sensitivities(
    network: PreparedNetwork, ranges: dict[str, Range], bits: int, images: NDArray[np.uint8]
) -> dict[str, float]:
    """Return, by layer, the root mean squared change of the logits when that layer alone is rounded.

    Args:
        network: in float.
        ranges: of its activations, by point.
        bits: of the weights.
        images: uint8 ``[N, S, S, 3]``; as many are used as :data:`PIXELS` allows.
    """
    images = _some(images)
    wanted = _logits(network, images)
    simulation = simulate(network, ranges, bits)
    result = {}
    for point in simulation.points:
        simulation.only(point.name)
        result[point.name] = float((_logits(simulation, images) - wanted).pow(2).mean().sqrt())
    return result


def tensors(
    network: PreparedNetwork,
    histograms: dict[str, Histogram],
    ranges: dict[str, Range],
    bits: int,
    images: NDArray[np.uint8],
) -> tuple[Tensor, ...]:
    """Return the record of every quantized activation, in the order of computation."""
    alone = sensitivities(network, ranges, bits, images)
    noise = _noise(network, ranges, bits, _some(images))
    result = []
    for point in points(network):
        histogram, (low, high) = histograms[point.name], ranges[point.name]
        result.append(
            Tensor(
                layer=point.name,
                kind=point.kind,
                low=low,
                high=high,
                least=histogram.least,
                greatest=histogram.greatest,
                clipped=histogram.clipped(low, high),
                sqnr_db=noise[point.name],
                alone_rmse=alone[point.name],
            )
        )
    return tuple(result)


def _some(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = images.shape[1]
    return images[: max(LEAST, PIXELS // (side * side))]


def _logits(network: PreparedNetwork | Simulation, images: NDArray[np.uint8]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(torch.from_numpy(images))[0]
    return logits


def _noise(
    network: PreparedNetwork, ranges: dict[str, Range], bits: int, images: NDArray[np.uint8]
) -> dict[str, float]:
    """Signal to noise of every activation in decibels, all rounding before it included."""
    places = {point.node: point.name for point in points(network)}
    simulation = simulate(network, ranges, bits)
    rounded = {f"rounding_{number}": point.node for number, point in enumerate(simulation.points)}
    given = traced(simulation.network, images, len(images), set(rounded))
    (truth,), (noisy,) = list(traced(network, images, len(images), set(places))), list(given)
    result = {}
    for node, name in rounded.items():
        clean = truth[name].double()
        error = noisy[node].double() - clean
        power = float(clean.pow(2).mean()) / max(float(error.pow(2).mean()), 1e-30)
        result[places[name]] = float(10 * np.log10(max(power, 1e-30)))
    return result
