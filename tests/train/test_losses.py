from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from train.losses import (  # noqa: E402
    TaskWeights,
    balanced_weights,
    concordance_loss,
    distillation_loss,
    effective_number_weights,
    masked_mse,
    soft_cross_entropy,
    valence_arousal_loss,
)

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


def pairs(n: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(n, 2, generator=generator) * 2 - 1
    return 0.6 * target + 0.3 * torch.randn(n, 2, generator=generator) + 0.1, target


@pytest.mark.parametrize("n", [2, 3, 64])
def test_concordance_against_torchmetrics_and_numpy(n):
    import torchmetrics

    from edge.metrics import ccc

    predicted, target = pairs(n)
    loss = float(concordance_loss(predicted, target))
    expected = [ccc(target[:, i].double().numpy(), predicted[:, i].double().numpy()) for i in (0, 1)]
    assert loss == pytest.approx(1 - sum(expected) / 2, abs=1e-5)
    if n == 64:  # torchmetrics counts with N - 1, which for many images is the same
        theirs = torchmetrics.functional.concordance_corrcoef(predicted, target).mean()
        assert loss == pytest.approx(1 - float(theirs), abs=0.01)


def test_concordance_by_hand():
    target = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert float(concordance_loss(target, target)) == pytest.approx(0.0)
    assert float(concordance_loss(1 - target, target)) == pytest.approx(2.0)
    # moved by one half: covariance 1/4, variances 1/4 and 1/4, means 1/2 apart: 2/4 / (3/4)
    assert float(concordance_loss(target + 0.5, target)) == pytest.approx(1 / 3)


def test_concordance_leaves_out_what_is_not_annotated():
    predicted, target = pairs(8)
    target[[1, 5], 0] = NAN
    target[:, 1] = NAN
    rows = [0, 2, 3, 4, 6, 7]
    expected = 1 - 2 * torch.cov(torch.stack((predicted[rows, 0], target[rows, 0])), correction=0)[0, 1] / (
        predicted[rows, 0].var(correction=0)
        + target[rows, 0].var(correction=0)
        + (predicted[rows, 0].mean() - target[rows, 0].mean()) ** 2
    )
    torch.testing.assert_close(concordance_loss(predicted, target), expected)


@pytest.mark.parametrize(
    ("predicted", "target", "expected"),
    [
        ([[0.5, 0.5]], [[0.1, 0.1]], 0.0),  # one image
        ([[0.5, 0.5], [0.2, 0.2]], [[0.3, NAN], [0.3, NAN]], 0.0),  # the same target, and none
        ([[0.5, 0.5], [0.5, 0.5]], [[0.1, 0.2], [0.3, 0.8]], 1.0),  # the same answer to all
        ([[0.5, 0.5], [0.5, 0.5]], [[0.3, 0.3], [0.3, 0.3]], 0.0),
        ([[0.5, 0.5]], [[NAN, NAN]], 0.0),
    ],
)
def test_concordance_of_batches_that_say_little(predicted, target, expected):
    predicted = torch.tensor(predicted, requires_grad=True)
    loss = concordance_loss(predicted, torch.tensor(target))
    loss.backward()
    assert loss.item() == pytest.approx(expected)
    assert torch.isfinite(predicted.grad).all()


def test_constant_answers_are_drawn_apart_by_concordance():
    predicted = torch.zeros(2, 2, requires_grad=True)
    concordance_loss(predicted, torch.tensor([[-1.0, -1.0], [1.0, 1.0]])).backward()
    assert (predicted.grad[0] > 0).all() and (predicted.grad[1] < 0).all()


def test_concordance_gradient_is_the_slope():
    predicted, target = (values.double() for values in pairs(6))
    target[2, 1] = NAN
    assert torch.autograd.gradcheck(lambda x: concordance_loss(x, target), predicted.requires_grad_())


def test_both_losses_of_valence_and_arousal_are_added():
    predicted, target = pairs(8)
    both = valence_arousal_loss(predicted, target, "mse+ccc")
    torch.testing.assert_close(both, masked_mse(predicted, target) + concordance_loss(predicted, target))


def test_distillation_by_hand():
    logits = torch.tensor([[math.log(3.0), 0.0]])  # probabilities 3/4 1/4
    taught = torch.tensor([[0.5, 0.5]])
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert float(distillation_loss(logits, taught)) == pytest.approx(expected)
    assert float(distillation_loss(logits, logits.softmax(1))) == pytest.approx(0.0, abs=1e-7)


def test_distillation_temperature_softens_and_keeps_the_gradient():
    z = torch.tensor([[2.0, 0.0, -1.0]], requires_grad=True)
    v = torch.tensor([[0.5, 0.0, 0.5]])
    hot = 1000.0
    distillation_loss(z, (v / hot).softmax(1), hot).backward()
    # Hinton et al., equation 4: for high T the gradient is that of matching centred logits, (z - v) / N.
    centred = (z - z.mean()) - (v - v.mean())
    torch.testing.assert_close(z.grad, centred.detach() / 3, atol=2e-3, rtol=1e-2)


def test_distillation_weighs_images_without_moving_what_is_learnt_of_each():
    logits = torch.zeros(2, 2)
    taught = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert float(distillation_loss(logits, taught, 1.0, torch.tensor([3.0, 5.0]))) == pytest.approx(1.5 * math.log(2))


def test_tasks_are_weighed():
    loss = TaskWeights(2.0, 4.0, learnt=False)(torch.tensor(math.log(2)), torch.tensor(0.25))
    assert float(loss.total) == pytest.approx(2 * math.log(2) + 1.0)
    assert float(loss.emotion) == pytest.approx(math.log(2)) and float(loss.valence_arousal) == pytest.approx(0.25)


def test_learnt_task_weights_begin_at_the_fixed_ones():
    learnt = TaskWeights(2.0, 0.25, learnt=True)
    zero, one = torch.tensor(0.0), torch.tensor(1.0)
    assert (learnt(one, zero).total - learnt(zero, zero).total).item() == pytest.approx(2.0)
    assert (learnt(zero, one).total - learnt(zero, zero).total).item() == pytest.approx(0.25)


def test_learnt_task_weights_settle_where_kendall_says():
    # d/ds (exp(-s) L + s / 2) = 0 at exp(-s) = 1 / (2 L); with the half, exp(-s) = 1 / L.
    learnt = TaskWeights(1.0, 0.5, learnt=True)
    optimizer = torch.optim.SGD(learnt.parameters(), lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        learnt(torch.tensor(0.8), torch.tensor(0.1)).total.backward()
        optimizer.step()
    assert (-learnt.log_variances).exp().tolist() == pytest.approx([1 / 1.6, 1 / 0.1], rel=1e-3)


def test_balanced_weights():
    shares = torch.tensor([0.5, 0.25, 0.25, 0.0])
    assert balanced_weights(shares, 0.0).tolist() == [1.0, 1.0, 1.0, 0.0]
    full = balanced_weights(shares, 1.0)
    assert (full * shares).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0])
    half = balanced_weights(shares, 0.5)
    assert float(half[1] / half[0]) == pytest.approx(math.sqrt(2))
    assert float((half * shares).sum()) == pytest.approx(1.0)


def test_balanced_weights_are_the_same_for_shares_and_for_counts():
    shares = torch.tensor([0.5, 0.3, 0.2])
    torch.testing.assert_close(balanced_weights(shares * 1000, 0.7), balanced_weights(shares, 0.7))


def test_effective_number_weights():
    counts = torch.tensor([1.0, 2.0, 0.0])
    weights = effective_number_weights(counts, 0.5)  # effective numbers 1 and 1.5: weights 1 and 2/3, mean 1
    assert float(weights[0] / weights[1]) == pytest.approx(1.5) and float(weights[2]) == 0
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1.0)
    many = effective_number_weights(torch.tensor([10.0, 1e6]), 0.999999)  # nearly inverse frequency
    assert float(many[0] / many[1]) == pytest.approx((1 - math.exp(-1)) * 1e5, rel=1e-3)


def test_class_weights_reach_the_loss():
    loss = soft_cross_entropy(torch.zeros(2, 2), torch.eye(2), 0.0, torch.tensor([3.0, 0.0]))
    assert float(loss) == pytest.approx(1.5 * math.log(2))
