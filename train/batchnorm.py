"""BatchNorm over the images of all processes, on CPUs; torch's own ``SyncBatchNorm`` takes GPU tensors only."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
from lightning.pytorch.plugins import LayerSync


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.contiguous().clone()
        torch.distributed.all_reduce(total)
        return total


class ProcessBatchNorm(_BatchNorm):
    """Normalise ``[N, C, ...]`` by mean and variance over the step's images in all processes."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.running_mean is None or self.running_var is None:
            return super().forward(input)
        axes = [axis for axis in range(input.ndim) if axis != 1]
        variance, mean = torch.var_mean(input, dim=axes, correction=0)
        # Double precision: the variance is a difference of two large sums.
        own, mean, variance = input.numel() / input.shape[1], mean.double(), variance.double()
        sums: Tensor = cast(Any, _Sum).apply(
            torch.cat((own * mean, own * (variance + mean.square()), mean.new_tensor([own])))
        )
        count = sums[-1].detach()
        mean, square = (sums[:-1] / count).chunk(2)
        variance = square - mean.square()
        with torch.no_grad():
            momentum = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.to(self.running_mean), momentum)
            self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var), momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        factor = (variance + self.eps).rsqrt().to(input.dtype)
        shift = -mean.to(input.dtype) * factor
        if self.affine:
            factor, shift = factor * self.weight, shift * self.weight + self.bias
        shape = [1, -1] + [1] * (input.ndim - 2)
        normal: Tensor = input * factor.view(shape) + shift.view(shape)
        return normal


class SyncOnCpu(LayerSync):
    """Lightning's plugin that puts :class:`ProcessBatchNorm` in place of BatchNorm while a run trains."""

    def apply(self, model: nn.Module) -> nn.Module:
        return _replace(model, ProcessBatchNorm)

    def revert(self, model: nn.Module) -> nn.Module:
        return _replace(model, nn.BatchNorm2d)


def _replace(model: nn.Module, kind: type[_BatchNorm]) -> nn.Module:
    for name, child in list(model.named_children()):
        if not isinstance(child, _BatchNorm):
            _replace(child, kind)
            continue
        layer = kind(child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats)
        layer.weight, layer.bias = child.weight, child.bias
        layer.running_mean, layer.running_var = child.running_mean, child.running_var
        layer.num_batches_tracked = child.num_batches_tracked
        layer.train(child.training)
        setattr(model, name, layer)
    return model
