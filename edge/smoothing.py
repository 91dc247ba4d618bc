"""Emotions smoothed over time, per person."""

from __future__ import annotations

import math
from collections.abc import Collection

from edge.types import Emotion


class Smoother:
    """Exponential averaging of probabilities, valence and arousal with a time constant, whatever the frame rate."""

    def __init__(self, seconds: float = 0.3) -> None:
        """Set the time constant; 0 passes readings through unchanged."""
        self._seconds = seconds
        self._state: dict[int, tuple[float, Emotion]] = {}

    def update(self, id: int, emotion: Emotion, time: float) -> Emotion:
        """Return the smoothed reading of person ``id`` at ``time`` (seconds).

        The first reading of a person, one after the clock went back, and the first of a model with other labels are
        taken as they are.
        """
        if self._seconds > 0 and id in self._state:
            before, average = self._state[id]
            if time >= before and emotion.labels == average.labels:
                share = 1 - math.exp(-(time - before) / self._seconds)
                emotion = Emotion(
                    tuple(
                        old + share * (new - old)
                        for old, new in zip(average.probabilities, emotion.probabilities, strict=True)
                    ),
                    emotion.labels,
                    average.valence + share * (emotion.valence - average.valence),
                    average.arousal + share * (emotion.arousal - average.arousal),
                )
        self._state[id] = (time, emotion)
        return emotion

    def keep(self, ids: Collection[int]) -> None:
        """Forget everybody else."""
        for id in [id for id in self._state if id not in ids]:
            del self._state[id]
