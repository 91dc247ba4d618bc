"""The layers and functions of torch that have a counterpart elsewhere, and under which conditions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from edge.engines.network import torchvision

#: Nothing to do in evaluation.
SKIPPED = (nn.Identity, nn.Dropout)

#: Functions of each number, by the name Keras has for them.
ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.SiLU: "silu",
    nn.Sigmoid: "sigmoid",
    nn.Hardswish: "hard_swish",
    nn.Hardsigmoid: "hard_sigmoid",
    nn.GELU: "gelu",
}

#: Functions, by the name under which :mod:`quantize.export.layers` reads them.
METHODS: dict[Any, str] = {
    operator.add: "add",
    operator.iadd: "add",
    torch.add: "add",
    operator.mul: "mul",
    operator.imul: "mul",
    torch.mul: "mul",
    operator.getitem: "getitem",
    torch.cat: "cat",
    torch.flatten: "flatten",
    torch.permute: "permute",
    nn.functional.relu: "relu",
    nn.functional.dropout: "dropout",
    nn.functional.layer_norm: "layer_norm",
    nn.functional.avg_pool2d: "avg_pool2d",
    nn.functional.max_pool2d: "max_pool2d",
    nn.functional.adaptive_avg_pool2d: "adaptive_avg_pool2d",
    torchvision.ops.stochastic_depth: "stochastic_depth",
    torchvision.models.shufflenetv2.channel_shuffle: "channel_shuffle",
}

#: What a layer is called and its numbers; or, as a text, why it has no counterpart.
Description = tuple[str, dict[str, Any]] | str


def pair(value: Any) -> tuple[int, int]:
    """Return height and width of an option of torch, which may be one number for both."""
    return (int(value[0]), int(value[1])) if isinstance(value, tuple | list) else (int(value), int(value))


def _conv(module: nn.Conv2d) -> Description:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        return "a convolution whose padding is not zeros of a given width"
    depthwise = module.groups == module.in_channels == module.out_channels and module.groups > 1
    stride, dilation = pair(module.stride), pair(module.dilation)
    if (depthwise and stride[0] != stride[1]) or max(stride) > 1 < max(dilation):
        return "a convolution with both stride and dilation"
    return "conv", {
        "filters": module.out_channels,
        "kernel": pair(module.kernel_size),
        "stride": stride,
        "dilation": dilation,
        "padding": pair(module.padding),
        "groups": module.groups,
        "depthwise": depthwise,
    }


def _batch_norm(module: nn.BatchNorm2d) -> Description:
    if not module.affine or not module.track_running_stats:
        return "a batch norm without running statistics"
    return "batch_norm", {"epsilon": module.eps}


def _layer_norm(module: nn.LayerNorm) -> Description:
    if len(module.normalized_shape) != 1 or module.weight is None or module.bias is None:
        return "a layer norm without weights, or over several axes"
    return "layer_norm", {"epsilon": module.eps}


def _max_pool(module: nn.MaxPool2d) -> Description:
    if pair(module.dilation) != (1, 1):
        return "max pooling with dilation"
    kernel, stride, padding = pair(module.kernel_size), pair(module.stride), pair(module.padding)
    # At stride 1 frameworks agree on what "same" means, and pad with minus infinity.
    same = stride == (1, 1) and all(2 * p == k - 1 for p, k in zip(padding, kernel, strict=True))
    ceil = bool(module.ceil_mode) and not same
    return "max_pool", {"kernel": kernel, "stride": stride, "padding": padding, "same": same, "ceil": ceil}


def _average_pool(module: nn.AvgPool2d) -> Description:
    padding = pair(module.padding)
    if module.ceil_mode or module.divisor_override or (any(padding) and not module.count_include_pad):
        return "average pooling with ceil_mode, or that does not count its padding"
    return "average_pool", {
        "kernel": pair(module.kernel_size),
        "stride": pair(module.stride),
        "padding": padding,
    }


#: By the layer's class.
OPERATIONS: dict[type[nn.Module], Callable[[Any], Description]] = {
    nn.Conv2d: _conv,
    nn.BatchNorm2d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
}
