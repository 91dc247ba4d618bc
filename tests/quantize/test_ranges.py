from __future__ import annotations

import numpy as np
import pytest

from quantize.int8.ranges import BINS, METHODS, Histogram, choose, choose_all, histograms, quantized


def histogram(values: np.ndarray) -> Histogram:
    return histograms(lambda: [{"x": values.astype(np.float32)}])["x"]


def error(values: np.ndarray, ends: tuple[float, float]) -> float:
    return float(np.mean((quantized(values, *ends) - values) ** 2))


@pytest.mark.parametrize(
    ("values", "low", "high", "expected"),
    [
        ([0.0, 1.0, 254.4, 300.0], 0.0, 255.0, [0.0, 1.0, 254.0, 255.0]),
        ([0.5, 1.5], 0.0, 255.0, [0.0, 2.0]),  # ties to even
        ([-1.0, 0.0, 1.0, 9.0], -1.0, 1.0, [-1.0039216, 0.0, 1.0039216, 1.0039216 - 2 / 255]),
    ],
)
def test_values_are_rounded_to_the_256_steps_of_a_range(
    values: list[float], low: float, high: float, expected: list[float]
) -> None:
    found = quantized(np.array(values), low, high)
    np.testing.assert_allclose(found, expected, atol=2 / 255 if low < 0 else 1e-9)
    assert 0.0 in quantized(np.array([0.0]), low, high), "zero must stay exact"


def test_a_histogram_covers_all_batches() -> None:
    batches = [{"x": np.array([0.0, 1.0], np.float32)}, {"x": np.array([-3.0, 0.5, 0.5], np.float32)}]
    found = histograms(lambda: batches)["x"]
    assert (found.least, found.greatest, found.counts.sum()) == (-3.0, 1.0, 5.0)
    assert found.counts[-1] == 1
    assert found.clipped(-1.0, 2.0) == pytest.approx(1 / 5)


@pytest.mark.parametrize("value", [0.0, 3.0, -2.5e6])
def test_a_tensor_that_never_moves_still_gets_a_range_with_zero_in_it(value: float) -> None:
    found = choose_all("mse", {"x": histogram(np.full(10, value))})["x"]
    assert found[0] <= 0.0 <= found[1] and found[1] > found[0]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-4.0, 4.0), (-0.2, 7.0), (2.0, 5.0), (-5.0, -2.0)])
def test_even_values_keep_their_ends_and_zero_lies_within(method: str, low: float, high: float) -> None:
    values = np.linspace(low, high, 20_000)
    ends = choose(method, histogram(values))  # type: ignore[arg-type]
    width = max(high, 0) - min(low, 0)
    assert ends[0] <= 0.0 <= ends[1]
    assert min(low, 0.0) - 0.01 * width <= ends[0] <= min(low, 0.0) + 0.1 * width
    assert max(high, 0.0) - 0.1 * width <= ends[1] <= max(high, 0.0) + 0.01 * width


@pytest.mark.parametrize("relu", [True, False])
def test_one_outlier_widens_minmax_alone_and_mse_errs_least(relu: bool) -> None:
    generator = np.random.default_rng(0)
    values = np.append(generator.normal(0, 1, 200_000), 60.0)
    values = np.maximum(values, 0) if relu else values
    found = histogram(values)
    ends = {method: choose(method, found) for method in METHODS}
    assert ends["minmax"][1] == pytest.approx(60, rel=0.01)
    for method in ("percentile", "entropy"):
        assert 2 < ends[method][1] < 12, method
    errors = {method: error(values, end) for method, end in ends.items()}
    assert errors["mse"] <= 1.001 * min(errors.values())


def test_percentile_leaves_one_in_ten_thousand_outside() -> None:
    values = np.concatenate((np.linspace(0, 1, 999_900), np.linspace(50, 100, 100)))
    low, high = choose("percentile", histogram(values))
    assert low == 0.0
    assert high == pytest.approx(1, abs=2 * 100 / BINS)
