"""int8 arithmetic acted out in PyTorch: every weight and every activation rounded where a runtime rounds it.

It stands in for the runtimes where one must look inside (which layer loses most), correct (biases) or differentiate
(quantization-aware fine-tuning). Files are judged in their own runtimes, never here.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from quantize.export.layers_of_torch import METHODS
from quantize.int8.prepared import PreparedNetwork, pixels_of, replace_module
from quantize.int8.ranges import STEPS, Histogram, Range, histograms

#: Runtimes compute these together with the convolution or sum before them: one rounding, after both.
_FUSED = (nn.ReLU, nn.ReLU6)
#: Kinds of the functions that give a value of their own, by their names in :data:`METHODS`.
_FUNCTIONS = {
    "add": "add",
    "mul": "mul",
    "cat": "concat",
    "relu": "relu",
    "adaptive_avg_pool2d": "pool",
    "avg_pool2d": "pool",
}
_MODULES: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Linear, "linear"),
    (nn.ReLU, "relu"),
    (nn.ReLU6, "relu"),
    (nn.SiLU, "silu"),
    (nn.Hardswish, "hardswish"),
    (nn.Hardsigmoid, "hardsigmoid"),
    (nn.Sigmoid, "sigmoid"),
    (nn.AdaptiveAvgPool2d, "pool"),
    (nn.AvgPool2d, "pool"),
    (nn.BatchNorm2d, "norm"),
)


@dataclasses.dataclass(frozen=True)
class Point:
    """A place where a runtime rounds an activation to 8 bits.

    Attributes:
        name: of the convolution or linear layer, or of the operation, that gives the value.
        kind: ``conv``, ``depthwise``, ``linear``, ``add``, ...
        node: name of the graph's node after which it is rounded.
    """

    name: str
    kind: str
    node: str


class Rounding(nn.Module):
    """Rounds an activation to the 256 steps of a range; gradients pass where nothing is clipped."""

    def __init__(self, ends: Range) -> None:
        super().__init__()
        low, high = ends
        self.scale = (high - low) / STEPS
        self.zero = round(-low / self.scale)
        self.active = True

    def forward(self, x: Tensor) -> Tensor:
        if not self.active:
            return x
        rounded: Tensor = torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero, 0, STEPS)
        return rounded


class RoundedConv2d(nn.Conv2d):
    """A convolution whose weights are rounded, symmetric and per output channel, before use."""

    limit: int
    active: bool

    @classmethod
    def of(cls, layer: nn.Conv2d, bits: int) -> RoundedConv2d:
        """Return ``layer`` with weights of ``bits`` bits."""
        result = copy.copy(layer)
        result.__class__ = cls
        assert isinstance(result, RoundedConv2d)
        result.limit, result.active = 2 ** (bits - 1) - (bits == 8), True
        return result

    def rounded(self) -> Tensor:
        """The weights as a runtime holds them."""
        scale = self.weight.detach().abs().amax(dim=(1, 2, 3)).clamp(min=1e-9) / self.limit
        zeros = torch.zeros_like(scale, dtype=torch.int32)
        weight: Tensor = torch.fake_quantize_per_channel_affine(self.weight, scale, zeros, 0, -self.limit, self.limit)
        return weight

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self._conv_forward(x, self.rounded() if self.active else self.weight, self.bias)
        return output


def points(network: PreparedNetwork) -> list[Point]:
    """Return where activations are rounded, in the order of computation.

    What lies behind the last convolution or linear layer of the backbone (pooling, heads) stays in float.
    """
    graph = network.backbone.graph
    modules = dict(network.backbone.named_modules())
    result = []
    before: set[fx.Node] = set()  # nodes from which a weighted layer can still be reached
    for node in reversed(graph.nodes):
        if any(user in before or _weighted(user, modules) for user in node.users):
            before.add(node)
    for node in graph.nodes:
        kind = _kind(node, modules)
        if kind is None or (node not in before and not _weighted(node, modules) and not _follows(node, modules)):
            continue
        users = list(node.users)
        if len(users) == 1 and _is_fused(users[0], modules):
            continue  # rounded after the activation
        source = node.all_input_nodes[0] if _is_fused(node, modules) else node
        weighted = _weighted(source, modules) or _weighted(node, modules)
        name = str(source.target) if weighted else source.name
        result.append(Point(name, _kind(source, modules) or kind, node.name))
    return result


def simulate(
    network: PreparedNetwork, ranges: dict[str, Range], bits: int, float_layers: Sequence[str] = ()
) -> Simulation:
    """Return ``network`` with every weight and activation rounded.

    Args:
        network: stays as it is.
        ranges: by the name of a :class:`Point`, from :func:`observe`.
        bits: of the weights, 7 or 8.
        float_layers: convolutions that keep their weights; what they give is still rounded for the next layer.
    """
    return Simulation(network, ranges, bits, float_layers)


class Simulation(nn.Module):
    """See :func:`simulate`.

    Attributes:
        network: the prepared network with rounding in it.
        points: where activations are rounded.
    """

    def __init__(
        self, network: PreparedNetwork, ranges: dict[str, Range], bits: int, float_layers: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.points = points(network)
        self.network = copy.deepcopy(network)
        backbone = self.network.backbone
        for name, layer in self.network.convolutions().items():
            if name not in float_layers:
                replace_module(backbone, name, RoundedConv2d.of(layer, bits))
        nodes = {node.name: node for node in backbone.graph.nodes}
        for number, point in enumerate(self.points):
            backbone.add_module(f"rounding_{number}", Rounding(ranges[point.name]))
            node = nodes[point.node]
            with backbone.graph.inserting_after(node):
                rounded = backbone.graph.call_module(f"rounding_{number}", (node,))
            node.replace_all_uses_with(rounded, delete_user_cb=lambda user, new=rounded: user is not new)
        backbone.recompile()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(logits, valence_arousal)`` for uint8 images ``[N, H, W, 3]``, RGB."""
        answer: tuple[Tensor, Tensor] = self.network(image)
        return answer

    def roundings(self) -> dict[str, Rounding]:
        """The activation roundings, by the name of their point."""
        backbone = self.network.backbone
        return {p.name: backbone.get_submodule(f"rounding_{i}") for i, p in enumerate(self.points)}  # type: ignore[misc]

    def only(self, *names: str) -> None:
        """Round at the named points (weights of that layer and its activation) alone."""
        for name, layer in self.network.convolutions().items():
            if isinstance(layer, RoundedConv2d):
                layer.active = name in names
        for name, rounding in self.roundings().items():
            rounding.active = name in names


def observe(network: PreparedNetwork, images: NDArray[np.uint8], batch: int = 32) -> dict[str, Histogram]:
    """Return the histogram of every activation of :func:`points`, in float, by name."""
    places = {point.node: point.name for point in points(network)}

    def batches() -> Iterator[dict[str, NDArray[np.float32]]]:
        for values in traced(network, images, batch, set(places)):
            yield {places[node]: value.numpy() for node, value in values.items()}

    return histograms(batches)


def traced(
    network: PreparedNetwork, images: NDArray[np.uint8], batch: int, nodes: set[str]
) -> Iterator[dict[str, Tensor]]:
    """Run images through a network and give, a batch at a time, what the named nodes of its backbone gave."""
    for start in range(0, len(images), batch):
        keeper = _Keeper(network.backbone, nodes)
        with torch.inference_mode():
            keeper.run(pixels_of(torch.from_numpy(images[start : start + batch])))
        yield keeper.kept


class _Keeper(fx.Interpreter):
    """Runs a graph and keeps what the wanted nodes gave."""

    def __init__(self, module: fx.GraphModule, wanted: set[str]) -> None:
        super().__init__(module)
        self.wanted = wanted
        self.kept: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.name in self.wanted:
            self.kept[n.name] = value.clone()  # a later layer may work in place
        return value


def _weighted(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(modules[str(node.target)], nn.Conv2d | nn.Linear)


def _is_fused(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], _FUSED)
    return node.op == "call_function" and node.target is nn.functional.relu


def _follows(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node is the activation of a weighted layer."""
    return _is_fused(node, modules) and _weighted(node.all_input_nodes[0], modules)


def _kind(node: fx.Node, modules: dict[str, nn.Module]) -> str | None:
    if node.op == "call_function":
        return _FUNCTIONS.get(METHODS.get(node.target, ""))
    if node.op != "call_module":
        return None
    module = modules[str(node.target)]
    if isinstance(module, nn.Conv2d):
        return "depthwise" if module.groups == module.in_channels > 1 else "conv"
    return next((kind for type_, kind in _MODULES if isinstance(module, type_)), None)
