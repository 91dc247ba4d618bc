"""The Pareto front, in small tables."""

from __future__ import annotations

import pytest

from bench.pareto import dominates, front


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((1, 1), (0, 0), True),
        ((1, 0), (0, 0), True),
        ((0, 0), (0, 0), False),
        ((1, 0), (0, 1), False),
        ((2, -3.0, 5), (2, -3.5, 5), True),
    ],
)
def test_one_dominates_another(one: tuple[float, ...], other: tuple[float, ...], expected: bool) -> None:
    assert dominates(one, other) is expected


@pytest.mark.parametrize(
    ("things", "expected"),
    [
        ([], []),
        ([(0, 0)], [0]),
        ([(1, 2), (2, 1)], [0, 1]),
        ([(1, 2), (2, 1), (1, 1), (0, 3)], [0, 1, 3]),
        ([(5, 5), (5, 5)], [0, 1]),
        ([(5, 5), (5, 4)], [0]),
        ([(-1.0, 84.4), (-2.0, 84.4), (-9.0, 85.2), (-8.0, 85.0)], [0, 2, 3]),
        ([(1, 1, 1), (1, 1, float("-inf")), (2, 0, 0)], [0, 2]),
    ],
)
def test_front(things: list[tuple[float, ...]], expected: list[int]) -> None:
    assert front(things) == expected


def test_things_must_have_the_same_goods() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        dominates((1,), (1, 2))
