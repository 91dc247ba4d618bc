"""How long one inference takes, file against file: one thread, one image, each file in turn so that noise hits all."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.engines import Engine
from quantize.record import Latency

THREADS = 1
#: Rounds, and seconds after which no further one begins.
ROUNDS = 200
SECONDS = 6.0
WARM_UP = 5


def times(engines: Mapping[str, Engine], images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Return seconds of every round ``[R]`` by name; round ``r`` of all engines saw the same image at the same time.

    Args:
        engines: loaded with :data:`THREADS` threads.
        images: uint8 ``[N, S, S, 3]``, taken in turn.
    """
    taken: dict[str, list[float]] = {name: [] for name in engines}
    began = time.perf_counter()
    for number in range(-WARM_UP, ROUNDS):
        image = images[number % len(images)][None]
        for name, engine in engines.items():
            start = time.perf_counter()
            engine.run(image)
            if number >= 0:
                taken[name].append(time.perf_counter() - start)
        if number > 10 and time.perf_counter() - began > SECONDS * len(engines):
            break
    return {name: np.array(values) for name, values in taken.items()}


def summary(taken: dict[str, NDArray[np.float64]], base: str | None) -> dict[str, Latency]:
    """Return percentiles by name, and how many times as fast as ``base`` each is: the median of all rounds' ratios."""
    return {
        name: Latency(
            p50_ms=1e3 * metrics.percentile(values, 50),
            p90_ms=1e3 * metrics.percentile(values, 90),
            runs=len(values),
            threads=THREADS,
            ratio=None if base is None else float(np.median(taken[base] / values)),
        )
        for name, values in taken.items()
    }
