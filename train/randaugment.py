"""A random operation of random strength for each image of a batch, after RandAugment."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from edge.engines.network import LUMA

#: An operation takes float images ``[N, 3, H, W]`` in 0..255 and strengths ``[N, 1, 1, 1]`` in -1..1.
Operation = Callable[[Tensor, Tensor], Tensor]


#: Largest strength that is drawn, as a share of torchvision's: a face fills its picture, and at the full strength of a
#: shift half of it is gone. A choice of this project, not a measured optimum.
STRONGEST = 0.5


def random_operations(images: Tensor, rounds: int) -> Tensor:
    """Apply ``rounds`` operations to each float image ``[N, 3, H, W]`` in 0..255, each drawn anew with its strength.

    Cubuk et al. 2020, "RandAugment" (https://arxiv.org/abs/1909.13719), with strengths drawn evenly up to
    :data:`STRONGEST` instead of one for all. Equalize is left out: autocontrast does nearly the same.
    """
    for _ in range(rounds):
        # Drawn on the CPU: the images of one operation are then known without waiting for a GPU.
        drawn = torch.randint(len(OPERATIONS), (len(images),))
        strengths = (torch.rand(len(images), device=images.device) * 2 - 1)[:, None, None, None] * STRONGEST
        changed = images.clone()
        for number, operation in enumerate(OPERATIONS.values()):
            rows = (drawn == number).nonzero()[:, 0].to(images.device)
            if len(rows):
                changed[rows] = operation(images[rows], strengths[rows]).clamp(0, 255)
        images = changed
    return images


def warped(images: Tensor, theta: Tensor) -> Tensor:
    """Sample images at affine positions ``[N, 2, 3]`` (half sides from the centre); the border is repeated outside."""
    grid = nn.functional.affine_grid(theta.to(images.dtype), list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _turn(images: Tensor, strength: Tensor) -> Tensor:
    angle = strength[:, 0, 0, 0] * math.radians(30)
    theta = _identity(images)
    theta[:, 0, 0] = theta[:, 1, 1] = angle.cos()
    theta[:, 0, 1], theta[:, 1, 0] = -angle.sin(), angle.sin()
    return warped(images, theta)


def _moved(row: int, column: int, most: float) -> Operation:
    """The operation that sets one entry of the affine matrix: a shear or a shift."""

    def move(images: Tensor, strength: Tensor) -> Tensor:
        theta = _identity(images)
        theta[:, row, column] = strength[:, 0, 0, 0] * most
        return warped(images, theta)

    return move


def _identity(images: Tensor) -> Tensor:
    return torch.eye(2, 3, device=images.device).repeat(len(images), 1, 1)


def _away_from(other: Callable[[Tensor], Tensor], most: float) -> Operation:
    """The operation that goes towards another form of the picture, or as far away from it."""
    return lambda images, strength: images + (images - other(images)) * strength * most


def _black(images: Tensor) -> Tensor:
    return torch.zeros_like(images)


def _gray(images: Tensor) -> Tensor:
    return (images * torch.tensor(LUMA, device=images.device)[:, None, None]).sum(dim=1, keepdim=True)


def _flat(images: Tensor) -> Tensor:
    return _gray(images).mean(dim=(2, 3), keepdim=True)


def _blurred(images: Tensor) -> Tensor:
    return nn.functional.avg_pool2d(nn.functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def _posterized(images: Tensor, strength: Tensor) -> Tensor:
    step = 2 ** (strength.abs() * 4).round()  # 8 bits down to 4
    return (images / step).floor() * step


def _solarized(images: Tensor, strength: Tensor) -> Tensor:
    return torch.where(images > 255 * (1 - strength.abs()), 255 - images, images)


def _stretched(images: Tensor, _: Tensor) -> Tensor:
    """Autocontrast: the darkest value of each channel becomes 0 and the brightest 255."""
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    return torch.where(high > low, (images - low) * 255 / (high - low).clamp(min=1e-3), images)


#: What is drawn from, by name; the largest strengths are those of ``torchvision.transforms.RandAugment``.
OPERATIONS: dict[str, Operation] = {
    "identity": lambda images, _: images,
    "turn": _turn,
    "shear x": _moved(0, 1, 0.3),
    "shear y": _moved(1, 0, 0.3),
    "shift x": _moved(0, 2, 2 * 150 / 331),
    "shift y": _moved(1, 2, 2 * 150 / 331),
    "brightness": _away_from(_black, 0.9),
    "contrast": _away_from(_flat, 0.9),
    "colour": _away_from(_gray, 0.9),
    "sharpness": _away_from(_blurred, 0.9),
    "posterize": _posterized,
    "solarize": _solarized,
    "autocontrast": _stretched,
}
