"""Keras: the same network built again, layer by layer, and its weights copied.

The backbone is followed through ``torch.fx``, so that any torchvision network made of the layers below can be ported
(MobileNetV2 and V3, ResNet, EfficientNet). Only layers that Keras itself knows are used: the ``.h5`` file loads without
custom objects.
"""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from edge.engines.keras import import_keras
from edge.engines.network import EmotionNetwork
from edge.errors import EdgeError
from edge.quiet import quiet

_SKIPPED = (nn.Identity, nn.Dropout)
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.SiLU: "silu",
    nn.Sigmoid: "sigmoid",
    nn.Hardswish: "hard_swish",
    nn.Hardsigmoid: "hard_sigmoid",
}
_SUMS: tuple[Any, ...] = (operator.add, operator.iadd, torch.add)
_PRODUCTS: tuple[Any, ...] = (operator.mul, operator.imul, torch.mul)


def unportable(network: EmotionNetwork) -> str | None:
    """Say which part of a network has no counterpart here, or None when it can be ported. Needs no TensorFlow."""
    try:
        graph = fx.symbolic_trace(network.backbone).graph
    except Exception as error:  # fx raises many types for control flow it cannot follow
        return f"its code cannot be traced ({type(error).__name__})"
    modules = dict(network.backbone.named_modules())
    for node in graph.nodes:
        reason = _missing(node, modules)
        if reason:
            return reason
    return None


def build_keras(network: EmotionNetwork, size: int) -> Any:
    """Return a ``keras.Model`` that computes what ``network`` computes.

    It takes ``image`` uint8 ``[N, size, size, 3]`` and gives a dict of ``logits`` ``[N, C]`` and ``valence_arousal``
    ``[N, 2]``.

    Raises:
        EdgeError: the architecture cannot be ported (see :func:`unportable`), or no TensorFlow.
    """
    reason = unportable(network)
    if reason:
        raise EdgeError(f"{network.spec.architecture} cannot be ported to Keras: {reason}")
    keras = import_keras()
    with quiet():
        port = _Port(network, keras)
        return port.model(size)


def export_keras(model: Any, path: Path) -> None:
    """Write a Keras model as ``.h5``."""
    with quiet():
        model.save(str(path))


class _Port:
    """One conversion: hands out tensors by name and remembers which were used."""

    def __init__(self, network: EmotionNetwork, keras: Any) -> None:
        self.network = network
        self.layers = keras.layers
        self.keras = keras
        self.tensors = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
        self.used: list[str] = []

    def model(self, size: int) -> Any:
        layers = self.layers
        image = self.keras.Input((size, size, 3), dtype="uint8", name="image")
        x = layers.Rescaling(1.0, name="to_float")(image)  # Keras's own way to a cast that survives in an .h5
        weight, bias = self.take("normalize_weight"), self.take("normalize_bias")
        x = self.weighted(layers.Conv2D(3, 1, name="normalize"), x, [weight.transpose(2, 3, 1, 0), bias])
        features = self.backbone(x)
        outputs = {
            "logits": self.dense(features, "emotion", name="logits"),
            "valence_arousal": self.dense(features, "valence_arousal", name="valence_arousal", activation="tanh"),
        }
        if sorted(self.used) != sorted(self.tensors):
            odd = sorted(set(self.tensors) ^ set(self.used)) or sorted(n for n in self.used if self.used.count(n) > 1)
            raise RuntimeError(f"not every tensor was copied exactly once: {', '.join(odd[:5])}")
        return self.keras.Model(image, outputs, name=self.network.spec.architecture)

    def take(self, name: str) -> Any:
        self.used.append(name)
        return self.tensors[name].float().numpy()

    def weighted(self, layer: Any, x: Any, weights: list[Any]) -> Any:
        y = layer(x)
        layer.set_weights(weights)  # Keras refuses shapes that do not fit
        return y

    def backbone(self, x: Any) -> Any:
        modules = dict(self.network.backbone.named_modules())
        values: dict[fx.Node, Any] = {}
        for node in fx.symbolic_trace(self.network.backbone).graph.nodes:
            inputs = [values[argument] for argument in node.all_input_nodes]
            if node.op == "placeholder":
                values[node] = x
            elif node.op == "output":
                return inputs[0]
            elif node.op == "call_module":
                values[node] = self.module(modules[str(node.target)], f"backbone.{node.target}", inputs[0], node)
            elif node.target in _SUMS:
                values[node] = self.layers.Add()(inputs)
            elif node.target in _PRODUCTS:
                values[node] = self.layers.Multiply()(inputs)
            elif _is_global_pool(node, None):
                values[node] = self.global_pool(inputs[0], node)
            else:
                values[node] = inputs[0]  # flatten of a pooled tensor, dropout: nothing left to do
        raise RuntimeError("a graph without an output")

    def module(self, module: nn.Module, name: str, x: Any, node: fx.Node) -> Any:
        layers = self.layers
        if isinstance(module, nn.Conv2d):
            return self.convolution(module, name, x)
        if isinstance(module, nn.BatchNorm2d):
            layer = layers.BatchNormalization(epsilon=module.eps)
            parts = ("weight", "bias", "running_mean", "running_var")
            return self.weighted(layer, x, [self.take(f"{name}.{part}") for part in parts])
        if isinstance(module, nn.Linear):
            return self.dense(x, name)
        if isinstance(module, nn.MaxPool2d):
            # Zeros are as good as minus infinity here: unportable() has seen that the input is never negative.
            padded = self.padded(x, _pair(module.padding))
            return layers.MaxPooling2D(_pair(module.kernel_size), _pair(module.stride))(padded)
        if isinstance(module, nn.AdaptiveAvgPool2d):
            return self.global_pool(x, node)
        if type(module) in _ACTIVATIONS:
            kind = _ACTIVATIONS[type(module)]
            return layers.ReLU(6.0)(x) if kind == "relu6" else layers.Activation(kind)(x)
        return x

    def convolution(self, module: nn.Conv2d, name: str, x: Any) -> Any:
        layers = self.layers
        weight = self.take(f"{name}.weight")
        bias = [self.take(f"{name}.bias")] if module.bias is not None else []
        kernel, stride, dilation = _pair(module.kernel_size), _pair(module.stride), _pair(module.dilation)
        padding = _pair(module.padding)
        reach = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        # "same" pads evenly only at stride 1; at stride 2 TensorFlow would pad right and bottom, torch pads all sides.
        same = stride == (1, 1) and tuple(2 * p for p in padding) == reach
        x = x if same else self.padded(x, padding)
        options = {
            "strides": stride,
            "dilation_rate": dilation,
            "use_bias": bool(bias),
            "padding": "same" if same else "valid",
        }
        if module.groups > 1:
            return self.weighted(layers.DepthwiseConv2D(kernel, **options), x, [weight.transpose(2, 3, 0, 1), *bias])
        layer = layers.Conv2D(module.out_channels, kernel, **options)
        return self.weighted(layer, x, [weight.transpose(2, 3, 1, 0), *bias])

    def padded(self, x: Any, padding: tuple[int, int]) -> Any:
        return self.layers.ZeroPadding2D(padding)(x) if any(padding) else x

    def dense(self, x: Any, torch_name: str, **options: Any) -> Any:
        weight, bias = self.take(f"{torch_name}.weight"), self.take(f"{torch_name}.bias")
        return self.weighted(self.layers.Dense(len(bias), **options), x, [weight.T, bias])

    def global_pool(self, x: Any, node: fx.Node) -> Any:
        # Pooling straight to [N, C] leaves no reshape in the graph, which would fix TFLite's batch size.
        return self.layers.GlobalAveragePooling2D(keepdims=not _only_flattened(node))(x)


def _missing(node: fx.Node, modules: dict[str, nn.Module]) -> str | None:
    """Say why one node of a traced backbone cannot be ported, or None."""
    if node.op in ("placeholder", "output"):
        return None
    if node.op == "call_module":
        module = modules[str(node.target)]
        return _missing_module(node, module, modules)
    if node.op == "call_function":
        if node.target in _SUMS or node.target in _PRODUCTS:
            return None if len(node.all_input_nodes) == 2 else "arithmetic with a constant"
        name = getattr(node.target, "__name__", str(node.target))
        if node.target is torch.flatten:
            source = node.all_input_nodes[0]
            pooled = _is_global_pool(source, modules) and _only_flattened(source)
            return None if pooled else "it flattens a feature map that is not pooled to 1x1"
        if _is_global_pool(node, modules) or name in ("stochastic_depth", "dropout"):
            return None
        return f"no counterpart for {name}"
    return f"no counterpart for {node.op} {node.target}"


def _missing_module(node: fx.Node, module: nn.Module, modules: dict[str, nn.Module]) -> str | None:
    name = type(module).__name__
    if isinstance(module, nn.Conv2d):
        depthwise = module.groups == module.in_channels == module.out_channels
        if isinstance(module.padding, str) or module.padding_mode != "zeros":
            return "a convolution whose padding is not zeros of a given width"
        if module.groups > 1 and not depthwise:
            return "a grouped convolution that is not depthwise"
        stride, dilation = _pair(module.stride), _pair(module.dilation)
        uneven = depthwise and stride[0] != stride[1]
        return "a convolution with both stride and dilation" if uneven or max(stride) > 1 < max(dilation) else None
    if isinstance(module, nn.BatchNorm2d):
        return None if module.affine and module.track_running_stats else "a batch norm without running statistics"
    if isinstance(module, nn.Linear):
        return None if module.bias is not None else "a linear layer without bias"
    if isinstance(module, nn.MaxPool2d):
        if module.ceil_mode or _pair(module.dilation) != (1, 1):
            return "max pooling with ceil_mode or dilation"
        return (
            None
            if not any(_pair(module.padding)) or _never_negative(node, modules)
            else "padded max pooling of negative values"
        )
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return None if _is_global_pool(node, modules) else "adaptive pooling to more than 1x1"
    known = isinstance(module, _SKIPPED) or type(module) in _ACTIVATIONS
    return None if known else f"no counterpart for the layer {name}"


def _never_negative(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    source = node.all_input_nodes[0]
    return source.op == "call_module" and isinstance(modules[str(source.target)], nn.ReLU | nn.ReLU6)


def _is_global_pool(node: fx.Node, modules: dict[str, nn.Module] | None) -> bool:
    if node.op == "call_function" and node.target is nn.functional.adaptive_avg_pool2d:
        size = node.args[1] if len(node.args) > 1 else node.kwargs["output_size"]
        return size in (1, (1, 1), [1, 1])
    if node.op == "call_module" and modules is not None:
        module = modules[str(node.target)]
        return isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1))
    return False


def _only_flattened(node: fx.Node) -> bool:
    return all(user.op == "call_function" and user.target is torch.flatten for user in node.users)


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple | list) else (int(value), int(value))
