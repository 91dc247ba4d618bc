from __future__ import annotations

import itertools
import math

import pytest

from train.rates import AVERAGED_RATE, warmup_cosine


@pytest.mark.parametrize(
    ("total", "warmup", "flat_from", "step", "expected"),
    [
        (100, 0.1, 0.0, 0, 0.1),
        (100, 0.1, 0.0, 9, 1.0),
        (100, 0.1, 0.0, 55, 0.5),
        (100, 0.1, 0.0, 100, 0.0),
        (100, 0.0, 0.0, 0, 1.0),
        (1, 0.05, 0.0, 0, 1.0),
        (100, 0.0, 0.75, 75, AVERAGED_RATE),
        (100, 0.0, 0.75, 99, AVERAGED_RATE),
        (101, 0.01, 0.5, 25, AVERAGED_RATE + (1 - AVERAGED_RATE) * 0.5 * (1 + math.cos(math.pi * 24 / 49))),
        (100, 0.9, 0.5, 49, 1.0),  # a warm-up longer than what is left for it
    ],
)
def test_rate_by_hand(total, warmup, flat_from, step, expected):
    assert warmup_cosine(total, warmup, flat_from)(step) == pytest.approx(expected)


@pytest.mark.parametrize("flat_from", [0.0, 0.5])
def test_rate_rises_once_and_falls_once_without_a_jump(flat_from):
    factors = [warmup_cosine(200, 0.1, flat_from)(step) for step in range(200)]
    steps = [after - before for before, after in itertools.pairwise(factors)]
    assert all(step > 0 for step in steps[:18]) and all(step <= 0 for step in steps[20:])
    assert max(abs(step) for step in steps) < 0.06
