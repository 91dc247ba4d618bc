"""Augmentation of a whole batch at once, on the device where the network trains."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn


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
    """

    flip: float = 0.5
    rotation: float = 15.0
    scale: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    erase: float = 0.0


RECIPES: dict[str, Recipe] = {
    "none": Recipe(flip=0.0, rotation=0.0),
    "standard": Recipe(),
    "strong": Recipe(scale=0.15, shift=0.08, contrast=0.3, brightness=0.15, erase=0.5),
}


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
        grid = nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
        return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

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
