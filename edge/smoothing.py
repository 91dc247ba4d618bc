"""Emotions smoothed over time, per person."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from edge.types import Emotion


class Smoother:
    """Exponential averaging of probabilities, valence and arousal with a time constant, whatever the frame rate."""

    def __init__(self, seconds: float = 0.3) -> None:
        """Set the time constant; 0 passes readings through unchanged."""
        self._seconds = seconds
        self._state: dict[int, tuple[float, NDArray[np.float64]]] = {}

    def update(self, id: int, emotion: Emotion, time: float) -> Emotion:
        """Return the smoothed reading of person ``id`` at ``time`` (seconds).

        The first reading of a person, and one after the clock went back, is taken as it is.
        """
        values = np.array([*emotion.probabilities, emotion.valence, emotion.arousal])
        if self._seconds > 0 and id in self._state:
            before, average = self._state[id]
            if time >= before:
                values = average + (1 - math.exp(-(time - before) / self._seconds)) * (values - average)
        self._state[id] = (time, values)
        *probabilities, valence, arousal = (float(value) for value in values)
        return Emotion(tuple(probabilities), emotion.labels, valence, arousal)

    def keep(self, ids: Collection[int]) -> None:
        """Forget everybody else."""
        self._state = {id: state for id, state in self._state.items() if id in ids}
