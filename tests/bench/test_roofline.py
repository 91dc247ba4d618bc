"""Lower bounds on boards whose figures are easy to reckon with."""

from __future__ import annotations

import pytest

from bench.macs import Layer
from bench.roofline import BOARDS, Board, estimate, roofline

#: 1 GHz, 4 float32 or 16 byte MACs a cycle, 2 instructions a cycle, 8 GB/s.
BOARD = Board("board", "core", 1e9, 4, 16, 2, 8e9, ("a source",))


@pytest.mark.parametrize(
    ("layers", "seconds"),
    [
        ([], 0),
        ([Layer("conv", 4_000_000, 8, False)], 1e-3),
        ([Layer("conv", 16_000_000, 8, True)], 1e-3),
        ([Layer("add", 0, 16_000_000, True)], 2e-3),
        ([Layer("conv", 4_000_000, 4_000_000, False)], 1e-3),
        ([Layer("conv", 4_000_000, 8, False), Layer("add", 0, 16_000_000, False)], 3e-3),
    ],
    ids=["nothing", "float", "bytes", "traffic", "hidden traffic", "one after the other"],
)
def test_each_layer_takes_the_longer_of_arithmetic_and_traffic(layers: list[Layer], seconds: float) -> None:
    assert roofline(BOARD, layers) == pytest.approx(seconds)


def test_the_largest_bound_counts_and_is_called_an_estimate() -> None:
    layers = [Layer("conv", 4_000_000, 8, False)]
    by_instructions = estimate(BOARD, layers, 6_000_000)
    assert by_instructions is not None and by_instructions.milliseconds == pytest.approx(3)
    by_arithmetic = estimate(BOARD, layers, 1_000_000)
    assert by_arithmetic is not None and by_arithmetic.milliseconds == pytest.approx(1)
    words = " ".join(by_arithmetic.assumptions)
    for text in ("an estimate, not measured", "one core of a board", "instructions 0.5 ms", "a source"):
        assert text in words
    alone = estimate(BOARD, None, 2_000_000)
    assert alone is not None and alone.milliseconds == pytest.approx(1)
    assert estimate(BOARD, None, None) is None


def test_boards_are_those_that_are_emulated() -> None:
    from bench.instructions.chips import CHIPS

    assert BOARDS.keys() == CHIPS.keys()
    assert all(board.sources for board in BOARDS.values())
