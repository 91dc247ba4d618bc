from __future__ import annotations

import pytest

from edge.errors import EdgeError
from edge.labels import LABELS, canonical, index_of


def test_order_is_affectnets() -> None:
    # Ids 0..7 of AffectNet's paper; every bundle depends on them.
    assert LABELS == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


@pytest.mark.parametrize(
    ("name", "label", "index"),
    [("Happy", "happiness", 1), (" ANGRY ", "anger", 6), ("contempt", "contempt", 7), ("sad", "sadness", 2)],
)
def test_other_names(name: str, label: str, index: int) -> None:
    assert canonical(name) == label
    assert index_of(name) == index


@pytest.mark.parametrize("name", ["", "3", "bored"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(EdgeError, match="unknown emotion label"):
        canonical(name)
