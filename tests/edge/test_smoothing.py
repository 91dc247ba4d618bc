from __future__ import annotations

import math

import pytest

from edge.smoothing import Smoother
from edge.types import Emotion

LABELS = ("neutral", "happiness")


def emotion(happy: float, valence: float = 0.0, arousal: float = 0.0) -> Emotion:
    return Emotion((1 - happy, happy), LABELS, valence, arousal)


def test_the_step_response_is_exponential_at_any_frame_rate() -> None:
    for fps in (10, 30):
        smoother = Smoother(0.5)
        smoother.update(1, emotion(0.0), 0.0)
        for index in range(1, fps + 1):
            result = smoother.update(1, emotion(1.0, 0.8, -0.4), index / fps)
        assert result.probabilities[1] == pytest.approx(1 - math.exp(-1 / 0.5))
        assert result.valence == pytest.approx(0.8 * (1 - math.exp(-1 / 0.5)))
        assert result.arousal == pytest.approx(-0.4 * (1 - math.exp(-1 / 0.5)))
        assert sum(result.probabilities) == pytest.approx(1)


def test_people_do_not_mix_and_can_be_forgotten() -> None:
    smoother = Smoother(1.0)
    smoother.update(1, emotion(1.0), 0.0)
    assert smoother.update(2, emotion(0.0), 0.1).probabilities[1] == 0.0
    smoother.keep({2})
    assert smoother.update(1, emotion(0.0), 0.2).probabilities[1] == 0.0


def test_zero_seconds_change_nothing() -> None:
    smoother = Smoother(0)
    smoother.update(1, emotion(1.0), 0.0)
    assert smoother.update(1, emotion(0.25), 0.1) == emotion(0.25)


def test_another_models_labels_start_over() -> None:
    smoother = Smoother(1.0)
    smoother.update(1, emotion(1.0), 0.0)
    other = Emotion((0.2, 0.3, 0.5), ("a", "b", "c"), 0.1, 0.2)
    assert smoother.update(1, other, 0.1) == other


def test_the_label_is_the_top_probability() -> None:
    assert emotion(0.6).label == "happiness"
    assert emotion(0.4).label == "neutral"
