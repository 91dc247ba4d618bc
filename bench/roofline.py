"""The time that a network would take on a board that reached its documented peaks. An estimate, no more.

No program reaches a peak, so the real time is longer, often by a factor of two or three; caches save some of the
traffic that is reckoned with. What a board really does is known when it is measured there. The estimate tells which of
two networks asks for more, and what holds it back.

The model is the roofline of Williams, Waterman and Patterson (2009, "Roofline: an insightful visual performance model
for multicore architectures", CACM 52(4)), layer by layer: a layer takes at least as long as its MACs take at the peak
of the core, and at least as long as its bytes take through memory. Where instructions were counted, a third bound is
the rate at which the core takes them in (as in Ding and Williams 2019, "An instruction roofline model for GPUs").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bench.macs import Layer


@dataclasses.dataclass(frozen=True)
class Board:
    """Documented peaks of one core of a board, and of its memory.

    Attributes:
        name: of the board.
        cpu: QEMU's name of its cores.
        clock_hz: highest clock of the cores that the board is sold with.
        float_macs: MACs in float32 a cycle.
        byte_macs: MACs of bytes a cycle.
        width: instructions taken in a cycle.
        bandwidth: of memory, bytes a second.
        sources: of these figures, in words.
    """

    name: str
    cpu: str
    clock_hz: float
    float_macs: int
    byte_macs: int
    width: int
    bandwidth: float
    sources: tuple[str, ...]


#: Cortex-A72: no dot product. SMLAL makes eight products of bytes, and one of the two pipelines can do it.
PI4 = Board(
    "Raspberry Pi 4",
    "cortex-a72",
    1.8e9,
    4,
    8,
    3,
    3200e6 * 4,
    (
        "1.8 GHz, LPDDR4-3200, 32 bits wide: as published for the Raspberry Pi 4; the width is assumed",
        "4 float32 MACs a cycle: two pipelines of 64 bits; measured as 15.9 GFLOPS at 2.0 GHz, wlog.flatlib.jp n1787",
        "8 byte MACs and 3 instructions a cycle: assumed, as Arm's guide to the Cortex-A72 is usually quoted",
    ),
)
#: Cortex-A76: SDOT makes sixteen products of bytes, FMLA four of float32, and both pipelines can do either.
PI5 = Board(
    "Raspberry Pi 5",
    "cortex-a76",
    2.4e9,
    8,
    32,
    4,
    4267e6 * 4,
    (
        "2.4 GHz, LPDDR4X-4267, 32 bits wide: as published for the Raspberry Pi 5; the width is assumed",
        "8 float32 MACs, 32 byte MACs (SDOT) and 4 instructions a cycle: assumed, as Arm's optimization guide for the "
        "Cortex-A76 is usually quoted",
    ),
)
BOARDS = {board.cpu: board for board in (PI4, PI5)}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a board would need at its peaks.

    Attributes:
        milliseconds: of one inference or frame.
        assumptions: what it rests on, in words.
    """

    milliseconds: float
    assumptions: tuple[str, ...]


def estimate(board: Board, layers: Sequence[Layer] | None, instructions: int | None) -> Estimate | None:
    """Return the largest of the bounds that can be worked out; None where none can.

    Args:
        board: what it would run on, one core of it.
        layers: of the network; None where it is not one network alone.
        instructions: counted for one inference or frame.
    """
    bounds = {}
    if layers:
        bounds["arithmetic and memory, layer by layer"] = roofline(board, layers)
    if instructions:
        bounds["instructions"] = instructions / (board.width * board.clock_hz)
    if not bounds:
        return None
    held = max(bounds, key=lambda name: bounds[name])
    parts = ", ".join(f"{name} {1e3 * seconds:.3g} ms" for name, seconds in bounds.items())
    return Estimate(
        1e3 * bounds[held],
        (
            f"an estimate, not measured: one core of a {board.name} at full clock and documented peaks, never reached",
            f"the larger of: {parts}",
            "weights and activations of every layer go through memory once: caches are left out, and their misses",
            *board.sources,
        ),
    )


def roofline(board: Board, layers: Sequence[Layer]) -> float:
    """Return seconds: for each layer the longer of its arithmetic and its traffic."""
    return sum(max(_arithmetic(board, layer), layer.bytes_moved / board.bandwidth) for layer in layers)


def _arithmetic(board: Board, layer: Layer) -> float:
    return layer.macs / ((board.byte_macs if layer.integer else board.float_macs) * board.clock_hz)
