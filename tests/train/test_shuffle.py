from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from train.shuffle import EpochShuffle, balanced_chances

#: 90 images of one class, 9 of another, one whose votes are split; the third class does not occur.
VOTES = np.array([[1, 0, 0]] * 90 + [[0, 1, 0]] * 9 + [[0.5, 0.5, 0]], np.float32)


@pytest.mark.parametrize(
    ("power", "shares"),
    [(0.0, [90, 9]), (1.0, [1, 1]), (0.5, [90**0.5, 9**0.5])],
)
def test_each_class_gets_its_share_of_the_chances(power, shares):
    chances = balanced_chances(VOTES[:99], power)
    assert chances.sum() == pytest.approx(1.0) and (chances > 0).all()
    assert chances @ VOTES[:99, :2] == pytest.approx(np.array(shares) / sum(shares))


def test_split_votes_stand_for_both_classes_in_part():
    chances = balanced_chances(VOTES, 1.0)
    assert chances[99] == pytest.approx((chances[0] + chances[98]) / 2)


def test_weighted_order_draws_rare_classes_as_often_as_others():
    chances = balanced_chances(np.repeat(VOTES, 50, axis=0), 1.0)
    order = np.array(list(EpochShuffle(5000, 0, chances=chances)))
    assert len(order) == 5000 and len(set(order)) < 5000  # with replacement
    rare = ((order >= 4500) & (order < 4950)).mean()
    assert 0.44 < rare < 0.51


@pytest.mark.parametrize("chances", [None, balanced_chances(VOTES, 1.0)], ids=["shuffle", "weighted"])
def test_order_depends_on_seed_and_epoch_alone(chances):
    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochShuffle(100, seed, chances=chances)
        list(sampler)  # what was drawn before does not matter
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 3) == order(0, 3) == list(EpochShuffle(100, 0, 3, chances))
    assert order(0, 3) != order(0, 4) and order(0, 3) != order(1, 3)


@pytest.mark.parametrize("chances", [None, balanced_chances(VOTES, 1.0)], ids=["shuffle", "weighted"])
def test_two_processes_split_the_order(chances):
    from lightning.fabric.utilities.distributed import DistributedSamplerWrapper

    def share(rank: int) -> list[int]:
        wrapped = DistributedSamplerWrapper(EpochShuffle(100, 0, chances=chances), num_replicas=2, rank=rank)
        wrapped.set_epoch(7)
        return list(wrapped)

    assert len(share(0)) == len(share(1)) == 50
    assert sorted(share(0) + share(1)) == sorted(EpochShuffle(100, 0, 7, chances))
