"""The limits answers are held to, as literal cases."""

from __future__ import annotations

import numpy as np
import pytest

from edge.bundle import File, Parity
from edge.golden import Outputs
from edge.verify import compare, drift

ZEROS = (np.zeros((12, 3), np.float32), np.zeros((12, 2), np.float32))


def answer(logit: float = 0, affect: float = 0, other_class: int = 0) -> Outputs:
    """Answers that differ from ``ZEROS`` by so much in one number each, and in the class of so many images."""
    logits, values = np.zeros((12, 3), np.float32), np.zeros((12, 2), np.float32)
    logits[0, 0], values[5, 1] = logit, affect
    logits[12 - other_class :, 2] = 1e-6
    return logits, values


PARITY = Parity("images", 500, 0.5, 0.05, 0.1, 0.01, 0.02, 0.98)


@pytest.mark.parametrize(
    ("precision", "parity", "given", "problem"),
    [
        ("float32", None, answer(logit=9e-5), None),
        ("float32", None, answer(logit=2e-4), "differs from the checkpoint by 0.0002, allowed are 0.0001"),
        ("float32", None, answer(affect=2e-4), "differs from the checkpoint by 0.0002, allowed are 0.0001"),
        ("float32", None, answer(logit=np.nan), "differs from the checkpoint by nan, allowed are 0.0001"),
        ("float32", None, answer(affect=np.nan), "differs from the checkpoint by nan, allowed are 0.0001"),
        ("float16", None, answer(logit=0.019), None),
        ("float16", None, answer(affect=0.021), "differs from the checkpoint by 0.021, allowed are 0.02"),
        ("int8", None, answer(logit=9), None),
        ("int8", None, answer(other_class=2), None),
        (
            "dynamic",
            None,
            answer(other_class=3),
            "names the checkpoint's emotion on 9 of 12 golden images, 83% are needed",
        ),
        ("integer", PARITY, answer(logit=2.39), None),  # over the root of 36 numbers: 0.398
        ("int8", PARITY, answer(logit=2.41), "its logits differ from the checkpoint's by 0.4 (rmse), allowed are 0.4"),
        ("int8", PARITY, answer(affect=0.39), None),  # over the root of 24 numbers: 0.0796
        (
            "int8",
            PARITY,
            answer(affect=0.41),
            "its valence and arousal differ from the checkpoint's by 0.084 (rmse), allowed are 0.08",
        ),
    ],
)
def test_limits_against_the_checkpoint(
    precision: str, parity: Parity | None, given: Outputs, problem: str | None
) -> None:
    entry = File("tflite", precision, "0" * 64, 1, parity=parity)  # type: ignore[arg-type]
    assert compare(given, ZEROS, entry)[1] == problem


def test_a_checkpoint_in_half_precision_is_held_to_its_own_answers() -> None:
    entry = File("pth", "float16", "0" * 64, 1)
    figures, problem = compare(answer(logit=2e-4), ZEROS, entry)
    assert (figures.limit, problem) == (1e-4, "differs from the checkpoint by 0.0002, allowed are 0.0001")


@pytest.mark.parametrize(
    ("given", "promise", "problem"),
    [
        (answer(), 0.0, None),
        (answer(logit=1e-30), 0.0, "differs from its own record by 1e-30; promised was bit for bit"),
        (answer(logit=-0.0), 0.0, "differs from its own record by 0; promised was bit for bit"),
        (answer(logit=9e-6), 1e-5, None),
        (answer(affect=2e-5), 1e-5, "differs from its own record by 2e-05, promised was 1e-05"),
        (answer(affect=np.nan), 1e-5, "differs from its own record by nan, promised was 1e-05"),
        (answer(logit=5, other_class=1), None, None),
        (answer(other_class=2), None, "names another emotion than it did on 2 of 12 images"),
    ],
)
def test_promises_of_a_file(given: Outputs, promise: float | None, problem: str | None) -> None:
    figures, found = drift(given, ZEROS, promise)
    assert found == problem
    assert figures.promise == promise
