"""Adaptive average pooling as what it is for a map of known size: two matrices.

Formats know pooling with windows of one size. Torch's adaptive pooling has windows that differ and overlap wherever the
sizes do not divide (VGG at 112 px pools 3x3 to 7x7), but each cell still is a fixed mean of cells.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quantize.export.layers_of_torch import pair


def averaging(size: int, cells: int) -> NDArray[np.float32]:
    """Return the matrix ``[cells, size]`` that pools a row of ``size`` numbers to ``cells`` means.

    Cell i is the mean of the numbers from floor(i * size / cells) up to, not with, ceil((i + 1) * size / cells): see
    ``torch.nn.AdaptiveAvgPool1d``.
    """
    matrix = np.zeros((cells, size), np.float32)
    for cell in range(cells):
        first, last = cell * size // cells, -(-(cell + 1) * size // cells)
        matrix[cell, first:last] = 1 / (last - first)
    return matrix


class FixedPool(nn.Module):
    """``nn.AdaptiveAvgPool2d`` for maps of one size."""

    rows: Tensor
    columns: Tensor

    def __init__(self, height: int, width: int, cells: tuple[int, int]) -> None:
        """Pool ``height`` x ``width`` to ``cells``."""
        super().__init__()
        self.register_buffer("rows", torch.from_numpy(averaging(height, cells[0])))
        self.register_buffer("columns", torch.from_numpy(averaging(width, cells[1]).T.copy()))

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``[N, C, height, width]``."""
        return self.rows @ x @ self.columns


@contextlib.contextmanager
def fixed_pooling(network: nn.Module, example: Tensor) -> Iterator[None]:
    """Inside the block a network's adaptive pooling to more than one cell is :class:`FixedPool`.

    Args:
        network: changed for the length of the block.
        example: an input of the size that it will get.
    """
    adaptive = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size not in (1, (1, 1))
    }
    sizes: dict[nn.Module, tuple[int, int]] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, inputs: sizes.update({module: tuple(inputs[0].shape[-2:])}))
        for module in adaptive.values()
    ]
    if adaptive:
        with torch.no_grad():
            network(example)
    for hook in hooks:
        hook.remove()
    try:
        for name, module in adaptive.items():
            _replace(network, name, FixedPool(*sizes[module], cells=pair(module.output_size)).to(example.device))
        yield
    finally:
        for name, module in adaptive.items():
            _replace(network, name, module)


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
