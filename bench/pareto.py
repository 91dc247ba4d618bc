"""The Pareto front: what nothing else beats in everything at once."""

from __future__ import annotations

from collections.abc import Sequence

#: One thing's goods, in the order that all share; larger is better, so a cost is given as a negative number.
Goods = Sequence[float]


def dominates(one: Goods, other: Goods) -> bool:
    """Whether ``one`` is nowhere worse than ``other`` and somewhere better.

    Raises:
        ValueError: they don't have as many goods.
    """
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def front(things: Sequence[Goods]) -> list[int]:
    """Return the indices of the things that no other dominates, in order; equal ones are all kept."""
    return [index for index, one in enumerate(things) if not any(dominates(other, one) for other in things)]
