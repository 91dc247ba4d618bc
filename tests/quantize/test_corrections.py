"""Rounding in simulation, and what makes up for it: equalization, bias correction, fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edge.engines.network import EmotionNetwork
from quantize.images import Images, choose
from quantize.int8.bias import correct_biases
from quantize.int8.equalization import _pairs, equalize
from quantize.int8.prepared import PreparedNetwork
from quantize.int8.ranges import choose_all
from quantize.int8.sensitivity import sensitivities, tensors
from quantize.int8.simulation import RoundedConv2d, observe, simulate, traced
from quantize.int8.tuning import tune
from quantize.source import open_source

Taught = tuple[EmotionNetwork, Images]


@pytest.fixture(scope="module", params=["mobilenet_v2", "resnet18"])
def taught(
    request: pytest.FixtureRequest,
    make_bundle: Callable[[Path, str], Path],
    ferplus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Taught:
    """A network that tells patterns apart, and the images of a run."""
    source = open_source(make_bundle(tmp_path_factory.mktemp(request.param), request.param))
    assert source.network is not None
    return source.network, choose(f"ferplus:{ferplus}", source.bundle.config, 0, 64, 0)


def logits(network: nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        result: np.ndarray = network(torch.from_numpy(images))[0].numpy()
    return result


def rmse(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean((one - other) ** 2)))


@pytest.mark.parametrize(("bits", "limit"), [(7, 64), (8, 127)])
def test_weights_are_rounded_symmetric_and_by_channel(bits: int, limit: int) -> None:
    layer = nn.Conv2d(2, 2, 1, bias=False)
    layer.weight.data = torch.tensor([[1.0, -0.5], [0.01, 0.004]])[:, :, None, None]
    rounded = RoundedConv2d.of(layer, bits).rounded()[:, :, 0, 0].detach().numpy()
    steps = rounded / (np.array([[1.0], [0.01]]) / limit)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
    np.testing.assert_allclose(steps, [[limit, -np.round(limit / 2)], [limit, np.round(0.4 * limit)]], atol=1)
    assert layer.weight.data[0, 0, 0, 0] == 1.0


def test_eight_bits_err_less_than_seven_and_rounding_nothing_errs_nothing(taught: Taught) -> None:
    network, images = PreparedNetwork(taught[0]), taught[1]
    ranges = choose_all("minmax", observe(network, images.calibration))
    wanted = logits(network, images.comparison)
    errors = [rmse(logits(simulate(network, ranges, bits), images.comparison), wanted) for bits in (7, 8)]
    assert 0 < errors[1] < errors[0] < 0.5 * wanted.std()
    nothing = simulate(network, ranges, 7)
    nothing.only()
    np.testing.assert_allclose(logits(nothing, images.comparison), wanted, atol=1e-5)


def test_equalization_keeps_the_network_and_mends_uneven_channels(taught: Taught) -> None:
    network, images = PreparedNetwork(taught[0]), taught[1]
    layers = network.convolutions()
    with torch.no_grad():  # channels that are small here and made large by the next layer, as training may leave them
        for first, _, second in _pairs(network):
            if layers[second].groups == 1:
                layers[first].weight[:4] /= 30
                layers[first].bias[:4] /= 30  # type: ignore[index]
                layers[second].weight[:, :4] *= 30
    equalized = equalize(network, images.calibration)
    assert equalized is not None
    wanted = logits(network, images.calibration)
    np.testing.assert_allclose(logits(equalized, images.calibration), wanted, rtol=0, atol=0.02)
    # Other images may reach the 6 of a ReLU6 where none of the calibration images did.
    assert rmse(logits(equalized, images.comparison), logits(network, images.comparison)) < 0.15 * wanted.std()
    errors = []
    for one in (network, equalized):
        rounded = simulate(one, choose_all("minmax", observe(one, images.calibration)), 7)
        errors.append(rmse(logits(rounded, images.comparison), logits(network, images.comparison)))
    assert errors[1] < 0.6 * errors[0], errors
    kinds = [type(module) for module in network.modules() if isinstance(module, nn.ReLU | nn.ReLU6)]
    assert [type(module) for module in equalized.modules() if isinstance(module, nn.ReLU | nn.ReLU6)] == kinds


def test_bias_correction_takes_the_mean_error_of_every_convolution_away(taught: Taught) -> None:
    network, images = PreparedNetwork(taught[0]), taught[1]
    ranges = choose_all("minmax", observe(network, images.calibration))
    corrected = correct_biases(network, ranges, 7, images.calibration)
    called = [node for node in network.backbone.graph.nodes if node.op == "call_module"]
    nodes = {n.name for n in called if isinstance(network.backbone.get_submodule(str(n.target)), nn.Conv2d)}

    def means(one: PreparedNetwork) -> dict[str, torch.Tensor]:
        (values,) = traced(one, images.calibration, len(images.calibration), nodes)
        return {name: value.mean(dim=(0, 2, 3)) for name, value in values.items()}

    wanted = means(network)
    errors = {
        name: [
            float((means(simulate(one, ranges, 7).network)[name] - wanted[name]).abs().mean())
            for one in (network, corrected)
        ]
        for name in sorted(nodes)[::5]
    }
    assert all(after < 0.05 * before + 1e-4 for before, after in errors.values()), errors
    for name, layer in network.convolutions().items():
        assert torch.equal(layer.weight, corrected.convolutions()[name].weight)


def test_fine_tuning_brings_the_rounded_network_nearer_to_float(
    taught: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, images = PreparedNetwork(taught[0]), taught[1]
    assert images.tuning is not None
    monkeypatch.setattr("quantize.int8.tuning.BATCH", 16)
    monkeypatch.setattr("quantize.int8.tuning.RATE", 3e-5)
    ranges, pictures = choose_all("minmax", observe(network, images.calibration)), images.tuning()
    bits = 4  # so coarse that a few steps show
    tuned = tune(network, ranges, bits, pictures, 40)
    wanted = logits(network, images.comparison)
    before, after = (rmse(logits(simulate(one, ranges, bits), images.comparison), wanted) for one in (network, tuned))
    assert after < 0.9 * before
    once, again = (tune(network, ranges, bits, pictures, 2).state_dict() for _ in range(2))
    assert all(torch.equal(once[name], again[name]) for name in once), "the same seed, the same weights"


def test_a_layer_with_a_ruined_range_is_named_as_the_one_that_loses_most(taught: Taught) -> None:
    network, images = PreparedNetwork(taught[0]), taught[1]
    histograms = observe(network, images.calibration)
    ranges = choose_all("mse", histograms)
    victim = list(network.convolutions())[5]
    ranges[victim] = (0.0, histograms[victim].greatest / 20)
    alone = sensitivities(network, ranges, 8, images.calibration)
    assert max(alone, key=lambda name: alone[name]) == victim
    found = {tensor.layer: tensor for tensor in tensors(network, histograms, ranges, 8, images.calibration)}
    assert found[victim].alone_rmse == pytest.approx(alone[victim], rel=1e-3)
    assert found[victim].clipped > 0.05
    names = list(found)
    before, after = found[names[names.index(victim) - 1]].sqnr_db, found[victim].sqnr_db
    assert after < before - 5, "the noise begins there"
