from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from train.losses import balanced_weights, masked_mse, soft_cross_entropy, two_head_loss  # noqa: E402

NAN = float("nan")


def test_soft_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]])  # probabilities 1/2 1/2 and 3/4 1/4
    target = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    rows = [math.log(2), -0.5 * math.log(0.75) - 0.5 * math.log(0.25)]
    assert float(soft_cross_entropy(logits, target)) == pytest.approx(sum(rows) / 2)


def test_one_hot_votes_give_the_usual_cross_entropy():
    logits = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    label = torch.tensor([0, 7, 3, 3, 1, 5])
    expected = torch.nn.functional.cross_entropy(logits, label)
    torch.testing.assert_close(soft_cross_entropy(logits, torch.eye(8)[label]), expected)


def test_label_smoothing_by_hand():
    # target (1, 0) smoothed by 0.2 is (0.9, 0.1)
    loss = soft_cross_entropy(torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([[1.0, 0.0]]), 0.2)
    assert float(loss) == pytest.approx(-0.9 * math.log(0.75) - 0.1 * math.log(0.25))


@pytest.mark.parametrize(
    ("predicted", "target", "expected"),
    [
        ([[0.5, 0.0]], [[0.0, 0.0]], 0.125),
        ([[0.5, 0.9]], [[0.0, NAN]], 0.25),
        ([[0.5, 0.9], [0.1, 0.1]], [[NAN, NAN], [0.1, -0.2]], 0.045),
        ([[0.5, 0.9]], [[NAN, NAN]], 0.0),
    ],
)
def test_masked_mse(predicted, target, expected):
    assert float(masked_mse(torch.tensor(predicted), torch.tensor(target))) == pytest.approx(expected, abs=1e-7)


def test_masked_entries_have_no_gradient_and_no_nan():
    predicted = torch.tensor([[0.5, 0.9], [0.3, 0.3]], requires_grad=True)
    masked_mse(predicted, torch.tensor([[0.0, NAN], [NAN, NAN]])).backward()
    assert predicted.grad.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_two_heads_are_weighed():
    logits, votes = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    loss = two_head_loss(logits, torch.tensor([[0.5, 0.5]]), votes, torch.zeros(1, 2), alpha=2.0, beta=4.0)
    assert float(loss.emotion) == pytest.approx(math.log(2))
    assert float(loss.valence_arousal) == pytest.approx(0.25)
    assert float(loss.total) == pytest.approx(2 * math.log(2) + 1.0)


def test_balanced_weights():
    shares = torch.tensor([0.5, 0.25, 0.25, 0.0])
    assert balanced_weights(shares, 0.0).tolist() == [1.0, 1.0, 1.0, 0.0]
    full = balanced_weights(shares, 1.0)
    assert (full * shares).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0])
    half = balanced_weights(shares, 0.5)
    assert float(half[1] / half[0]) == pytest.approx(math.sqrt(2))
    assert float((half * shares).sum()) == pytest.approx(1.0)


def test_class_weights_reach_the_loss():
    logits, votes, affect = torch.zeros(2, 2), torch.eye(2), torch.zeros(2, 2)
    loss = two_head_loss(logits, affect, votes, affect, class_weights=torch.tensor([3.0, 0.0]))
    assert float(loss.total) == pytest.approx(1.5 * math.log(2))
