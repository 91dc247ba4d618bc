"""Set part of a split aside, every class in proportion."""

from __future__ import annotations

import dataclasses

import numpy as np

from edge.errors import EdgeError
from train.data.findings import Findings
from train.data.samples import Samples


def hold_out(samples: Samples, share: float, seed: int) -> tuple[Samples, Samples]:
    """Split in two: what stays, and the ``share`` that is set aside.

    Each class, and the rows without a label, give their share (rounded, at least one where they have two or more). What
    a class gives depends on ``seed`` and on that class's own rows only. Both parts keep the order of the rows, and
    their names say what they are; what the reader found stays with the first.

    Raises:
        EdgeError: a share that is not between 0 and 1, or that leaves nothing on one side.
    """
    if not 0 < share < 1:
        raise EdgeError(f"a held-out share of {share:g}: choose one between 0 and 1, for example 0.1")
    aside = np.zeros(len(samples), dtype=bool)
    for label in range(-1, len(samples.labels)):
        rows = np.flatnonzero(samples.label == label)
        count = min(len(rows) - 1, max(1, round(share * len(rows))))
        if count > 0:
            aside[np.random.default_rng((seed, label + 1)).permutation(rows)[:count]] = True
    if not aside.any():
        raise EdgeError(f"{samples.name}: too few images to hold {share:.0%} of them out")
    part = f"{100 * share:g} % (seed {seed})"
    rest, held = samples.take(~aside), samples.take(aside)
    return (
        dataclasses.replace(rest, name=f"{samples.name} without the held-out {part}"),
        dataclasses.replace(held, name=f"{samples.name}, held out {part}", findings=Findings()),
    )
