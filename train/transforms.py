"""Augmentation of a whole batch at once, on the device where the network trains."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn

from train.randaugment import random_operations, warped


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How strongly a batch is changed.

    Attributes:
        flip: probability of a mirror image.
        rotation: largest turn, degrees.
        scale: largest relative change of size.
        shift: largest move, as a share of the side.
        contrast: largest relative change of contrast.
        brightness: largest change of brightness, as a share of 255.
        erase: probability that a rectangle is replaced by noise (Zhong et al. 2017, "Random erasing").
        operations: rounds of :func:`train.randaugment.random_operations`.
    """

    flip: float = 0.5
    rotation: float = 15.0
    scale: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    erase: float = 0.0
    operations: int = 0


RECIPES: dict[str, Recipe] = {
    "none": Recipe(flip=0.0, rotation=0.0),
    "standard": Recipe(),
    "strong": Recipe(scale=0.15, shift=0.08, contrast=0.3, brightness=0.15, erase=0.5),
    "randaugment": Recipe(rotation=0.0, operations=2),
}


def recipe(name: str, rotation: float | None = None, erase: float | None = None) -> Recipe:
    """Return a recipe of :data:`RECIPES`; what is given besides takes the place of its own numbers."""
    chosen = RECIPES[name]
    return dataclasses.replace(
        chosen,
        rotation=chosen.rotation if rotation is None else rotation,
        erase=chosen.erase if erase is None else erase,
    )


class Augment(nn.Module):
    """Apply a recipe to float images ``[N, 3, H, W]`` in 0..255; shape and range are kept."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe

    def forward(self, images: Tensor) -> Tensor:
        recipe = self.recipe
        images = self._move(images)
        if recipe.contrast or recipe.brightness:
            images = self._light(images)
        if recipe.operations:
            images = random_operations(images, recipe.operations)
        return self._erase(images) if recipe.erase else images

    def _light(self, images: Tensor) -> Tensor:
        """Change contrast (about the image's mean) and brightness."""
        contrast = 1 + self._uniform(images, self.recipe.contrast)
        brightness = 255 * self._uniform(images, self.recipe.brightness)
        middle = images.mean(dim=(1, 2, 3), keepdim=True)
        images = (images - middle) * contrast[:, None, None, None] + middle + brightness[:, None, None, None]
        return images.clamp(0, 255)

    def _move(self, images: Tensor) -> Tensor:
        """Mirror, turn, scale and shift with one resampling."""
        recipe = self.recipe
        n = len(images)
        mirror = torch.where(torch.rand(n, device=images.device) < recipe.flip, -1.0, 1.0)
        if not (recipe.rotation or recipe.scale or recipe.shift):
            return torch.where((mirror < 0)[:, None, None, None], images.flip(3), images)
        angle = self._uniform(images, math.radians(recipe.rotation))
        size = torch.exp(self._uniform(images, math.log1p(recipe.scale)))
        cos, sin = size * torch.cos(angle), size * torch.sin(angle)
        # affine_grid counts in half sides, so a shift by a share s of the side is 2 s.
        x, y = self._uniform(images, 2 * recipe.shift), self._uniform(images, 2 * recipe.shift)
        theta = torch.stack((cos * mirror, -sin, x, sin * mirror, cos, y), dim=1).view(n, 2, 3)
        return warped(images, theta)

    def _erase(self, images: Tensor) -> Tensor:
        """Replace a rectangle of 2 to 25 % of the area by noise, in a share of the images."""
        n, _, height, width = images.shape
        device = images.device
        area = torch.empty(n, device=device).uniform_(0.02, 0.25)
        ratio = torch.exp(torch.empty(n, device=device).uniform_(-1.0, 1.0))
        h = (area * ratio).sqrt().clamp(max=0.9) * height
        w = (area / ratio).sqrt().clamp(max=0.9) * width
        top = torch.rand(n, device=device) * (height - h)
        left = torch.rand(n, device=device) * (width - w)
        rows = torch.arange(height, device=device)[None, :, None]
        columns = torch.arange(width, device=device)[None, None, :]
        inside = (
            (rows >= top[:, None, None])
            & (rows < (top + h)[:, None, None])
            & (columns >= left[:, None, None])
            & (columns < (left + w)[:, None, None])
        )
        chosen = torch.rand(n, device=device) < self.recipe.erase
        mask = (inside & chosen[:, None, None])[:, None]
        noise = torch.rand(n, 1, height, width, device=device) * 255
        return torch.where(mask, noise, images)

    @staticmethod
    def _uniform(images: Tensor, limit: float) -> Tensor:
        return (torch.rand(len(images), device=images.device) * 2 - 1) * limit


def mixup(images: Tensor, distribution: Tensor, valence_arousal: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Blend each image of a batch, and what is known of it, with another one's.

    Zhang et al. 2018, "mixup" (https://arxiv.org/abs/1710.09412): shares are drawn from Beta(alpha, alpha), here one an
    image.

    Args:
        images: float ``[N, 3, H, W]``.
        distribution: ``[N, C]``, rows sum to one; so do those of the result.
        valence_arousal: ``[N, 2]``; NaN, not annotated, is the result where either side is.
        alpha: the larger, the more images are blended half and half; 0 blends none.

    Returns:
        The three, blended.
    """
    if not alpha:
        return images, distribution, valence_arousal
    n, device = len(images), images.device
    concentration = torch.full((n,), alpha, device=device)
    share = torch.distributions.Beta(concentration, concentration).sample()
    other = torch.randperm(n, device=device)

    def blend(values: Tensor) -> Tensor:
        return values[other].lerp(values, share.view(-1, *[1] * (values.ndim - 1)))

    return blend(images), blend(distribution), blend(valence_arousal)
