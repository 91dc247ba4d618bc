"""The loss of two heads: votes for the emotion, squared error for valence and arousal where they are annotated."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Loss(NamedTuple):
    """``total = alpha * emotion + beta * valence_arousal``, each a scalar."""

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


def balanced_weights(shares: Tensor, balance: float) -> Tensor:
    """Return class weights ``[C]`` that grow as a class gets rarer: ``share ** -balance``, with mean 1 over the images.

    ``shares`` ``[C]`` are the classes' shares of the training targets; a class that does not occur gets weight 0.
    ``balance`` 0 leaves all classes as they are, 1 makes every class count the same in sum.
    """
    weights = torch.where(shares > 0, shares.clamp(min=1e-12) ** -balance, torch.zeros_like(shares))
    return weights * shares.sum() / (weights * shares).sum()


def masked_mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of ``[N, 2]`` over the entries of ``target`` that are not NaN; zero if there is none."""
    known = ~torch.isnan(target)
    difference = torch.where(known, predicted - torch.nan_to_num(target), torch.zeros_like(predicted))
    return difference.square().sum() / known.sum().clamp(min=1)


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


def two_head_loss(
    logits: Tensor,
    valence_arousal: Tensor,
    distribution: Tensor,
    target: Tensor,
    alpha: float = 1.0,
    beta: float = 0.5,
    label_smoothing: float = 0.0,
    class_weights: Tensor | None = None,
) -> Loss:
    """Weigh the two tasks: ``alpha`` for the emotion, ``beta`` for valence and arousal."""
    emotion = soft_cross_entropy(logits, distribution, label_smoothing, class_weights)
    affect = masked_mse(valence_arousal, target)
    return Loss(alpha * emotion + beta * affect, emotion, affect)
