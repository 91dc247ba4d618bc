"""How much faster is this than that, and can it be told at all?

Times of a computer are no draws from one distribution: neighbours, heat, clocks and the place in memory where a process
happens to lie shift all of them for seconds, minutes or as long as the process lives. Hence:

* A block is one process (:mod:`bench.formats`), and stands for itself by the *10th percentile* of its times. What
  disturbs makes times longer, nothing makes them shorter, so that low quantiles are what repeats best (Chen and Revels
  2016, "Robust benchmarking in noisy environments", arXiv:1608.04295, take the minimum, which one odd reading of the
  clock can spoil). Medians and the other percentiles are told all the same: they are what a user gets.
* It is divided by the *yardstick* of the same block (:mod:`bench.yardstick`): work that no version of this toolkit
  changes. A slower machine slows both.
* A row is the median of its blocks. The interval is a *bootstrap over blocks*, not over single inferences, which depend
  on each other (Kalibera and Jones 2013, ISMM, "Rigorous benchmarking in reasonable time": repeat what varies at the
  highest level). It is expanded for the small number of blocks as Hesterberg 2015 proposes (The American Statistician
  69:371-386, section 4.3).
* A second witness are the times as they are, without the yardstick: the lower quartile of the blocks, for a machine
  that others share is left alone at times. The yardstick is no more than akin to what is measured, so that a difference
  counts where both tell of it. On a busy virtual machine, twelve blocks of 0.6 s of the same file varied from one
  dozen to the next by 1.8 to 2.5 % (standard deviation) with the yardstick and by 1.4 to 2.4 % in the lower quartile;
  the median of medians, as it is mostly reported, by 9 to 10 %.
* What the same thing measured twice in one run differs by is the *noise*; a difference that is not larger is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.result import Timing

#: Share of the intervals that hold the true ratio, where blocks are independent.
LEVEL = 0.95

#: Resamples of a bootstrap, and their seed: the same times give the same interval.
RESAMPLES, SEED = 4000, 0

#: 97.5th percentiles of Student's distribution for 1, 2, ... degrees of freedom; beyond, the normal one's is close.
STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)

#: Quantile of the blocks that speaks for them without the yardstick.
PLAIN = 0.25

#: Of a change of the yardstick between two runs, the share that stays doubtful after the correction. Regressions of log
#: times on log yardstick had slopes from 0.7 to 1.6 on a busy virtual machine, not 1.
DOUBT = 0.5

#: Fewest blocks of which an interval is made.
LEAST_BLOCKS = 3

Verdict = Literal["faster", "slower", "no difference that can be told"]


class Ratio(msgspec.Struct, frozen=True):
    """How many times as long one thing takes as another.

    Attributes:
        value: the ratio of times; above 1 is slower.
        low: lower end of its interval.
        high: upper end.
        plain: the ratio of the second witness.
    """

    value: float
    low: float
    high: float
    plain: float


def ratio(before: Timing, after: Timing, *, paired: bool, corrected: bool = True) -> Ratio | None:
    """Return how many times as long ``after`` takes as ``before``; None where there are too few blocks.

    Args:
        before: times of the one.
        after: times of the other.
        paired: both were measured in the same run, where each block of one lies beside that of the other.
        corrected: divide by the yardsticks, where both have them.
    """
    corrected = corrected and bool(before.yardstick and after.yardstick)
    one, other = levels(before, corrected), levels(after, corrected)
    if min(len(one), len(other)) < LEAST_BLOCKS:
        return None
    draw = np.random.default_rng(SEED)
    if paired and len(one) == len(other):
        value, low, high = interval([other - one], draw)
    else:
        value, low, high = interval([other, one], draw)
    plain = float(np.quantile(levels(after, False), PLAIN) - np.quantile(levels(before, False), PLAIN))
    return Ratio(math.exp(value), math.exp(low), math.exp(high), math.exp(plain))


def levels(timing: Timing, corrected: bool) -> NDArray[np.float64]:
    """Return the logarithm of each block's time, divided by its yardstick if asked for, ``[blocks]``."""
    times: NDArray[np.float64] = np.log(np.array(timing.lows or timing.blocks))
    return times - np.log(np.array(timing.yardstick)) if corrected else times


def noise_between(one: Timing, again: Timing) -> float | None:
    """Return what the same thing measured twice in one run differs by, at the far end of the interval; >= 1."""
    found = ratio(one, again, paired=True)
    return None if found is None else max(1 / found.low, found.high)


def machine_change(before: Sequence[Timing], after: Sequence[Timing]) -> float | None:
    """Return how many times as long the yardstick took in the second run; None where it was not measured.

    The lower quartile of each run: that others kept the machine busy for a while makes it no other machine.
    """
    one, other = ([value for timing in side for value in timing.yardstick] for side in (before, after))
    return float(np.quantile(other, PLAIN) / np.quantile(one, PLAIN)) if one and other else None


def threshold(noises: Sequence[float | None], machine: float | None = None) -> float:
    """Return the ratio that a difference must exceed.

    Args:
        noises: of the results that are compared; None where it was not checked.
        machine: see :func:`machine_change`, for results of different runs.
    """
    return max([1.0, *(noise for noise in noises if noise)]) * math.exp(DOUBT * abs(math.log(machine or 1.0)))


def verdict(found: Ratio, least: float) -> Verdict:
    """Say what can be told: the whole interval must lie on one side of 1, and both ratios beyond ``least`` (>= 1)."""
    if found.low > 1 and min(found.value, found.plain) > least:
        return "slower"
    if found.high < 1 and max(found.value, found.plain) < 1 / least:
        return "faster"
    return "no difference that can be told"


def interval(samples: Sequence[NDArray[np.float64]], draw: np.random.Generator) -> tuple[float, float, float]:
    """Return the median of the first sample, less that of the second if there is one, and its interval.

    Args:
        samples: one or two, ``[blocks]`` each, two at least in each.
        draw: the source of chance.
    """
    count = min(len(sample) for sample in samples)
    signs = (1.0, -1.0)
    value = sum(sign * float(np.median(sample)) for sign, sample in zip(signs, samples, strict=False))
    drawn = sum(
        sign * np.median(sample[draw.integers(0, len(sample), (RESAMPLES, len(sample)))], axis=1)
        for sign, sample in zip(signs, samples, strict=False)
    )
    student = STUDENT[count - 2] if count - 2 < len(STUDENT) else NormalDist().inv_cdf((1 + LEVEL) / 2)
    tail = NormalDist().cdf(-math.sqrt(count / (count - 1)) * student)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return value, float(low), float(high)
