from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Config, Crop, Input, Training
from edge.errors import EdgeError
from edge.labels import LABELS
from quantize.calibration import drawn, load_images, stratified, truth_of
from train.data.ferplus import read_ferplus
from train.data.samples import Samples


def _config(labels: tuple[str, ...] = LABELS) -> Config:
    size = Input(size=32, color="gray", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return Config(1, "tiny", "mobilenet_v2", labels, size, Crop(source_size=48), Training("d", "l", "weak"))


@pytest.mark.parametrize(
    ("counts", "wanted", "expected"),
    [
        ([10, 10, 10], 6, [2, 2, 2]),
        ([100, 2, 100], 12, [5, 2, 5]),  # a rare class gives all it has, the others fill up
        ([3, 1, 0], 100, [3, 1, 0]),
        ([0, 0, 0], 5, [0, 0, 0]),
    ],
)
def test_stratified_draws_classes_evenly(counts: list[int], wanted: int, expected: list[int]) -> None:
    label = np.repeat(np.array([0, 1, 2, -1]), [*counts, 50])
    rows = stratified(label, wanted, np.random.default_rng(0))
    assert len(set(rows.tolist())) == len(rows)
    assert np.bincount(label[rows], minlength=3).tolist() == expected


def test_stratified_depends_on_the_seed_alone() -> None:
    label = np.arange(300) % 8
    first, again, other = (stratified(label, 40, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize(("total", "count", "length"), [(10, 0, 10), (10, 4, 4), (10, 99, 10), (0, 0, 0)])
def test_drawn_rows_are_distinct_and_ascending(total: int, count: int, length: int) -> None:
    rows = drawn(total, count, np.random.default_rng(0))
    assert len(rows) == length
    assert (np.diff(rows) > 0).all()


def test_truth_is_mapped_by_name(ferplus: Path) -> None:
    samples = read_ferplus(ferplus, "validation").labelled()
    turned = truth_of(samples, _config(LABELS[::-1]))
    assert turned.tolist() == (7 - samples.label).tolist()


def test_a_class_the_model_does_not_know_is_refused(ferplus: Path) -> None:
    with pytest.raises(EdgeError, match="holds contempt, which tiny does not know"):
        truth_of(read_ferplus(ferplus, "validation").labelled(), _config(LABELS[:7]))


def test_images_are_prepared_like_everywhere(ferplus: Path) -> None:
    from edge.preprocess import resize

    samples: Samples = read_ferplus(ferplus, "validation").take(slice(0, 3))
    images = load_images(samples, _config())
    assert images.shape == (3, 32, 32, 3)
    assert (images[2] == resize(samples.image(2), 32, 48)).all()
