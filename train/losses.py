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


def soft_cross_entropy(logits: Tensor, distribution: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross entropy of logits ``[N, C]`` against target distributions ``[N, C]``.

    With one-hot rows it is the usual cross entropy; with votes, the network learns how people disagree (Barsoum et al.
    2016, "probability" scheme).
    """
    return nn.functional.cross_entropy(logits, distribution, label_smoothing=label_smoothing)


def masked_mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of ``[N, 2]`` over the entries of ``target`` that are not NaN; zero if there is none."""
    known = ~torch.isnan(target)
    difference = torch.where(known, predicted - torch.nan_to_num(target), torch.zeros_like(predicted))
    return difference.square().sum() / known.sum().clamp(min=1)


def two_head_loss(
    logits: Tensor,
    valence_arousal: Tensor,
    distribution: Tensor,
    target: Tensor,
    alpha: float = 1.0,
    beta: float = 0.5,
    label_smoothing: float = 0.0,
) -> Loss:
    """Weigh the two tasks: ``alpha`` for the emotion, ``beta`` for valence and arousal."""
    emotion = soft_cross_entropy(logits, distribution, label_smoothing)
    affect = masked_mse(valence_arousal, target)
    return Loss(alpha * emotion + beta * affect, emotion, affect)
