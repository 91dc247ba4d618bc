"""Ratios, intervals and verdicts on times that are written down here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.recording import timing
from bench.result import Timing
from bench.statistics import Ratio, interval, machine_change, noise_between, ratio, threshold, verdict


def blocks(level: float, spread: float, count: int = 12, seed: int = 0, machine: float = 1.0) -> Timing:
    """Blocks around a level, ms; the yardstick takes ``machine`` ms."""
    draw = np.random.default_rng(seed)
    times = tuple(map(float, level * machine * np.exp(spread * draw.standard_normal(count))))
    common = {"count": count, "seconds": 1.0, "p50_ms": level, "p90_ms": level, "p99_ms": None, "per_second": 1.0}
    return Timing(**common, blocks=times, lows=times, yardstick=(machine,) * count)


def test_timing_sums_up_blocks() -> None:
    found = timing([[0.002, 0.001, 0.003], [], [0.005]], [1.0, 2.0, 4.0])
    assert (found.count, found.p50_ms, found.p99_ms) == (4, pytest.approx(2.5), None)
    assert found.seconds == pytest.approx(0.011)
    assert found.per_second == pytest.approx(4 / 0.011)
    assert found.blocks == pytest.approx((2.0, 5.0))
    assert found.lows == pytest.approx((1.2, 5.0))
    assert found.yardstick == (1.0, 4.0)
    assert timing([[0.001] * 100]).p99_ms == pytest.approx(1.0)
    with pytest.raises(ValueError, match="nothing was timed"):
        timing([[], []])
    with pytest.raises(ValueError, match="1 blocks and 2 yardsticks"):
        timing([[0.1]], [1.0, 1.0])


def test_ratio_is_that_of_the_levels_and_repeats() -> None:
    found = ratio(blocks(1.0, 0.01), blocks(1.5, 0.01, seed=1), paired=False)
    assert found is not None
    assert found.low < 1.5 < found.high and found.high - found.low < 0.06
    assert found.plain == pytest.approx(1.5, abs=0.03)
    assert found == ratio(blocks(1.0, 0.01), blocks(1.5, 0.01, seed=1), paired=False)
    assert ratio(blocks(1.0, 0.01, count=2), blocks(1.0, 0.01), paired=False) is None


def test_a_slower_machine_is_no_slower_software() -> None:
    before, after = blocks(1.0, 0.005), blocks(1.0, 0.005, seed=1, machine=1.3)
    found, uncorrected = (ratio(before, after, paired=False, corrected=yes) for yes in (True, False))
    assert found is not None and uncorrected is not None
    assert found.low < 1 < found.high
    assert uncorrected.low > 1.2
    assert machine_change([before], [after]) == pytest.approx(1.3)
    assert machine_change([], [after]) is None


@pytest.mark.parametrize(("count", "least"), [(4, 80), (12, 88), (40, 88)])  # the median of 4 reaches 87.5 at most
def test_intervals_hold_the_truth_about_as_often_as_they_say(count: int, least: int) -> None:
    draw = np.random.default_rng(count)
    hits = 0
    for _ in range(100):
        _, low, high = interval([draw.standard_normal(count)], draw)
        hits += low <= 0 <= high
    assert hits >= least  # of 100


def test_the_same_thing_is_rarely_told_apart_and_a_planted_change_is() -> None:
    found, planted = [], []
    for seed in range(0, 200, 4):
        one, other = blocks(1, 0.03, seed=seed), blocks(1, 0.03, seed=seed + 1)
        control = noise_between(one, blocks(1, 0.03, seed=seed + 2))
        assert control is not None and control >= 1
        least = threshold([control, None])
        for after, verdicts in ((other, found), (blocks(1.3, 0.03, seed=seed + 3), planted)):
            told = ratio(one, after, paired=False)
            assert told is not None
            verdicts.append(verdict(told, least))
    assert found.count("no difference that can be told") >= 49
    assert planted == ["slower"] * 50


@pytest.mark.parametrize(
    ("value", "low", "high", "plain", "expected"),
    [
        (1.10, 1.06, 1.15, 1.12, "slower"),
        (0.90, 0.85, 0.95, 0.91, "faster"),
        (1.10, 0.99, 1.20, 1.12, "no difference that can be told"),  # the interval holds 1
        (1.04, 1.02, 1.06, 1.12, "no difference that can be told"),  # within the noise
        (1.10, 1.06, 1.15, 1.01, "no difference that can be told"),  # the second witness saw nothing
        (0.90, 0.85, 0.95, 1.10, "no difference that can be told"),  # the second witness saw the opposite
    ],
)
def test_verdicts(value: float, low: float, high: float, plain: float, expected: str) -> None:
    assert verdict(Ratio(value, low, high, plain), 1.05) == expected


def test_threshold_is_the_worst_noise_and_grows_with_a_changed_machine() -> None:
    assert threshold([None, None]) == 1
    assert threshold([1.02, 1.04]) == 1.04
    assert threshold([1.02, None], 1.21) == threshold([1.02, None], 1 / 1.21) == pytest.approx(1.02 * math.sqrt(1.21))
