"""The losses of two heads: votes for the emotion, distance or concordance for valence and arousal, a teacher's answer.

Everything here computes in the type it is given; under mixed precision the caller hands over float32.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Loss(NamedTuple):
    """``total`` is the weighed sum of the two others (:class:`TaskWeights`), each a scalar."""

    total: Tensor
    emotion: Tensor
    valence_arousal: Tensor


def soft_cross_entropy(
    logits: Tensor, distribution: Tensor, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Mean cross entropy of logits ``[N, C]`` against target distributions ``[N, C]``.

    With one-hot rows it is the usual cross entropy; with votes, the network learns how people disagree (Barsoum et al.
    2016, "probability" scheme). ``class_weights`` ``[C]`` multiply each class's term (:func:`balanced_weights`).
    """
    return nn.functional.cross_entropy(logits, distribution, class_weights, label_smoothing=label_smoothing)


def balanced_weights(counts: Tensor, balance: float) -> Tensor:
    """Return class weights ``[C]`` that grow as a class gets rarer: ``count ** -balance``, with mean 1 over the images.

    ``counts`` ``[C]`` is how much of the training targets is each class's, as numbers of images or as shares; a class
    that does not occur gets weight 0. ``balance`` 0 leaves all classes as they are, 1 makes every class count the same
    in sum.
    """
    return _mean_one(counts, counts.clamp(min=1e-12) ** -balance)


def effective_number_weights(counts: Tensor, beta: float) -> Tensor:
    """Return class weights ``[C]``, ``(1 - beta) / (1 - beta ** count)``, with mean 1 over the images.

    Cui et al. 2019, "Class-balanced loss based on effective number of samples" (https://arxiv.org/abs/1901.05555,
    equation 12): beyond about ``1 / (1 - beta)`` images, more of the same add nothing. ``counts`` ``[C]`` are numbers
    of images; a class that does not occur gets weight 0.
    """
    # float64: 1 - 0.9999 ** count cancels.
    return _mean_one(counts, (1 / -torch.expm1(counts.double().clamp(min=1e-12) * math.log(beta))).to(counts.dtype))


def masked_mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of ``[N, 2]`` over the entries of ``target`` that are not NaN; zero if there is none."""
    known = ~torch.isnan(target)
    difference = torch.where(known, predicted - torch.nan_to_num(target), torch.zeros_like(predicted))
    return difference.square().sum() / known.sum().clamp(min=1)


def concordance_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """One minus the concordance correlation coefficient of a batch, mean over the columns of ``[N, 2]``.

    ``2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)`` with population moments (Lin 1989, *Biometrics*
    45:255-268) over the entries of ``target`` that are not NaN. A column with fewer than two of them, or whose targets
    are all the same, has nothing to be concordant with and is left out; with no column left the loss is zero.
    """
    known = ~torch.isnan(target)
    count = known.sum(dim=0)
    x, y = torch.where(known, predicted, 0.0), torch.where(known, torch.nan_to_num(target), 0.0)
    mean_x, mean_y = x.sum(dim=0) / count.clamp(min=1), y.sum(dim=0) / count.clamp(min=1)
    x, y = torch.where(known, x - mean_x, 0.0), torch.where(known, y - mean_y, 0.0)
    covariance, variance_x, variance_y = ((a * b).sum(dim=0) / count.clamp(min=1) for a, b in ((x, y), (x, x), (y, y)))
    told = (count >= 2) & (variance_y > 1e-8)
    below = torch.where(told, variance_x + variance_y + (mean_x - mean_y).square(), 1.0)
    losses = torch.where(told, 1 - 2 * covariance / below, 0.0)
    return losses.sum() / told.sum().clamp(min=1)


def valence_arousal_loss(predicted: Tensor, target: Tensor, kind: str) -> Tensor:
    """The loss of the second head: ``"mse"``, ``"ccc"`` or their sum ``"mse+ccc"``, over ``[N, 2]`` with NaN masked."""
    terms = {"mse": masked_mse, "ccc": concordance_loss}
    return torch.stack([terms[name](predicted, target) for name in kind.split("+")]).sum()


def distillation_loss(
    logits: Tensor, taught: Tensor, temperature: float = 1.0, image_weights: Tensor | None = None
) -> Tensor:
    """Mean divergence of logits ``[N, C]`` from a teacher's softened answer ``[N, C]``: zero where they agree.

    ``T^2 KL(teacher || softmax(logits / T))``, with the factor that keeps gradients the same size for every temperature
    (Hinton et al. 2015, https://arxiv.org/abs/1503.02531, section 2). ``image_weights`` ``[N]`` make some images count
    more without moving what is learnt of each: class weights inside the divergence would teach another distribution.
    """
    divergence = nn.functional.kl_div((logits / temperature).log_softmax(dim=1), taught, reduction="none").sum(dim=1)
    if image_weights is not None:
        divergence = divergence * image_weights
    return temperature**2 * divergence.mean()


class TaskWeights(nn.Module):
    """How much each of the two losses counts: fixed numbers, or learnt with the network.

    Learnt, each task has a log variance ``s`` and counts ``exp(-s)``, the emotion, or ``exp(-s) / 2``, valence and
    arousal, plus ``s / 2`` so that it cannot grow for nothing (Kendall et al. 2018, "Multi-task learning using
    uncertainty", https://arxiv.org/abs/1705.07115, equations 7 and 10). It begins at the fixed weights.
    """

    def __init__(self, alpha: float, beta: float, learnt: bool) -> None:
        """Weigh the emotion by ``alpha`` and valence/arousal by ``beta``; to be learnt, both must be positive."""
        super().__init__()
        self.alpha, self.beta = alpha, beta
        self.log_variances = nn.Parameter(torch.tensor([-math.log(alpha), -math.log(2 * beta)])) if learnt else None

    def forward(self, emotion: Tensor, valence_arousal: Tensor) -> Loss:
        """Put two scalar losses together."""
        if self.log_variances is None:
            return Loss(self.alpha * emotion + self.beta * valence_arousal, emotion, valence_arousal)
        precisions = (-self.log_variances).exp()
        total = precisions[0] * emotion + precisions[1] / 2 * valence_arousal + self.log_variances.sum() / 2
        return Loss(total, emotion, valence_arousal)


def _mean_one(counts: Tensor, weights: Tensor) -> Tensor:
    weights = torch.where(counts > 0, weights, torch.zeros_like(weights))
    return weights * counts.sum() / (weights * counts).sum()
