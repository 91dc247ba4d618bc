"""What a backbone computes, as a list of layers that a channels-last framework has too.

The code is followed through ``torch.fx``, so any torchvision network made of the layers below can be written for
another framework. What ``torch`` says in its own layout (permute, flatten, pooling before a linear layer) is resolved
here; the layers themselves always take and give ``[N, H, W, C]`` or ``[N, C]``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import fx, nn

from edge.engines.network import torchvision
from quantize.export.layers_of_torch import ACTIVATIONS, METHODS, OPERATIONS, SKIPPED, pair


class UnportableError(Exception):
    """A network holds something that has no counterpart; the text says what, in a few words."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """One step of the computation.

    Attributes:
        kind: what it does: ``conv``, ``batch_norm``, ``add``, ...
        inputs: the values it takes, by number: 0 is the network's input, n what the n-th layer gives.
        tensors: names in the backbone's state dict, in the order weight, bias, ...
        options: numbers that go with the kind.
    """

    kind: str
    inputs: tuple[int, ...]
    tensors: tuple[str, ...] = ()
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """Name of torch's module with ``_`` for ``.``; None for a layer without weights, which may be used twice."""
        owner = self.tensors[0].removesuffix(".weight") if self.tensors else ""
        return owner.replace(".", "_") or None


@dataclasses.dataclass(frozen=True)
class _Value:
    """What is known of a tensor of the traced code.

    Attributes:
        number: of the layer that gives it.
        order: axes as torch has them: ``NCHW``, ``NHWC``, ``NC``, or ``flat``: a feature map that was flattened.
        single: its height and width are 1.
        positive: it is never negative.
        pool: it stands for this value pooled to so many rows and columns; which layer does so depends on what follows.
        parts: it stands for a list of so many equal shares of its channels.
    """

    number: int
    order: str = "NCHW"
    single: bool = False
    positive: bool = False
    pool: tuple[int, int] | None = None
    parts: int = 0


def layers_of(backbone: nn.Module) -> list[Layer]:
    """Return the layers of a backbone in the order of computation; the last gives the features ``[N, F]``.

    Args:
        backbone: in evaluation mode; takes a map ``[N, C, H, W]``.

    Raises:
        UnportableError: it holds something that has no counterpart.
    """
    for module in backbone.modules():
        if "Attention" in type(module).__name__:
            raise UnportableError(f"no counterpart for the layer {type(module).__name__}")
    reader = _Reader(backbone)
    try:
        graph = LayerTracer().trace(backbone)
    except Exception as error:  # fx raises many types for control flow it cannot follow
        raise UnportableError(f"its code cannot be traced ({type(error).__name__})") from error
    for node in graph.nodes:
        reader.read(node)
    return reader.layers


class LayerTracer(fx.Tracer):
    """Follows a network's code.

    The shuffle of ShuffleNet stays in one piece: it is written with shapes that only a run would tell.
    """

    def __init__(self) -> None:
        super().__init__(autowrap_functions=(torchvision.models.shufflenetv2.channel_shuffle,))


class _Reader:
    """Reads a traced graph node by node; ``layers`` grows."""

    def __init__(self, backbone: nn.Module) -> None:
        self.modules = dict(backbone.named_modules())
        self.tensors = {**dict(backbone.named_parameters()), **dict(backbone.named_buffers())}
        self.layers: list[Layer] = []
        self.values: dict[fx.Node, _Value] = {}

    def read(self, node: fx.Node) -> None:
        """Take in one node."""
        if node.op == "placeholder":
            self.values[node] = _Value(0)
        elif node.op == "output":
            if self.at(node.args[0]).order != "NC":
                raise UnportableError("it does not end in a vector of features")
        elif node.op == "call_module":
            self.values[node] = self.module(str(node.target), self.at(node.args[0]))
        elif node.op != "get_attr":
            self.values[node] = self.function(node)

    def at(self, argument: Any) -> _Value:
        """What is known of an argument of a node."""
        if not isinstance(argument, fx.Node) or argument not in self.values:
            raise UnportableError("arithmetic with a constant")
        return self.values[argument]

    def add(self, kind: str, inputs: tuple[_Value, ...], tensors: tuple[str, ...] = (), **options: Any) -> int:
        """Append a layer; return its number."""
        self.layers.append(Layer(kind, tuple(self.computed(value).number for value in inputs), tensors, options))
        return len(self.layers)

    def computed(self, value: _Value) -> _Value:
        """The value itself: a pooling that was put off is done now."""
        if value.order == "flat" or value.parts:
            raise UnportableError("it flattens a feature map that is not pooled")
        if value.pool is None:
            return value
        if value.pool != (1, 1):
            raise UnportableError("adaptive pooling to more than 1x1 before anything but a linear layer")
        source = dataclasses.replace(value, pool=None)
        return dataclasses.replace(source, number=self.add("global_pool", (source,), keepdims=True), single=True)

    def after(self, value: _Value, number: int, positive: bool = False) -> _Value:
        """A value like ``value`` but computed by another layer."""
        single = value.single or value.pool == (1, 1)
        return dataclasses.replace(value, number=number, positive=positive, single=single, pool=None)

    def module(self, name: str, x: _Value) -> _Value:
        """Read a call of a layer of torch."""
        module = self.modules[name]
        if isinstance(module, SKIPPED):
            return x
        if isinstance(module, nn.Flatten) and module.start_dim == 1:
            return self.flatten(x)
        if isinstance(module, nn.AdaptiveAvgPool2d):
            return self.pool(x, pair(module.output_size))
        if isinstance(module, nn.Linear):
            return self.linear(name, module, x)
        activation = ACTIVATIONS.get(type(module))
        if activation and not (isinstance(module, nn.GELU) and module.approximate != "none"):
            return self.activation(x, activation)
        described = OPERATIONS.get(type(module))
        if described is None:
            raise UnportableError(f"no counterpart for the layer {type(module).__name__}")
        return self.described(name, described(module), x)

    def described(self, name: str, layer: tuple[str, dict[str, Any]] | str, x: _Value) -> _Value:
        """Append a layer as :mod:`quantize.export.layers_of_torch` describes it; a text is a refusal."""
        if isinstance(layer, str):
            raise UnportableError(layer)
        kind, options = layer
        if x.order != ("NHWC" if kind == "layer_norm" else "NCHW"):
            raise UnportableError(f"{kind} over other axes than the channels")
        if kind == "max_pool" and options["padding"] != (0, 0) and not (x.positive or options["same"]):
            raise UnportableError("padded max pooling of negative values")
        if kind == "max_pool" and options["ceil"] and not x.positive:
            raise UnportableError("max pooling of negative values with ceil_mode")
        parts = ("weight", "bias", "running_mean", "running_var")
        tensors = tuple(f"{name}.{part}" for part in parts if f"{name}.{part}" in self.tensors) if name else ()
        given = self.after(x, self.add(kind, (x,), tensors, **options), x.positive and kind.endswith("pool"))
        return dataclasses.replace(given, single=given.single and options.get("kernel", (1, 1)) == (1, 1))

    def function(self, node: fx.Node) -> _Value:
        """Read a call of a function, or of a method of a tensor."""
        name = METHODS.get(node.target) if node.op == "call_function" else str(node.target)
        arguments, options = node.args, node.kwargs
        match name:
            case "cat":
                return self.concatenated(arguments[0], [*arguments[1:], *options.values()])
            case "add" | "mul":
                return self.arithmetic(name, node)
            case "getitem":
                whole, part = self.at(arguments[0]), arguments[1]
                if not whole.parts or not isinstance(part, int):
                    raise UnportableError("no counterpart for indexing")
                share = dataclasses.replace(whole, parts=0)
                return self.after(share, self.add("slice", (share,), part=part, parts=whole.parts), share.positive)
        x = self.at(arguments[0])
        match name, [*arguments[1:], *options.values()]:
            case "relu", _:
                return self.activation(x, "relu")
            case "dropout" | "stochastic_depth" | "contiguous", _:
                return x
            case "flatten", [1]:
                return self.flatten(x)
            case "mean", [[2, 3]] if x.order == "NCHW":
                return self.pooled(x)
            case "chunk", [int(parts), 1] if x.order == "NCHW":
                return dataclasses.replace(self.computed(x), parts=parts)
            case "channel_shuffle", [int(groups)] if x.order == "NCHW":
                return self.after(x, self.add("shuffle", (x,), groups=groups), x.positive)
            case "adaptive_avg_pool2d", [size]:
                return self.pool(x, pair(size))
            case (("avg_pool2d" | "max_pool2d"), _) if len(arguments) <= 2:
                kernel: Any = options["kernel_size"] if len(arguments) < 2 else arguments[1]
                made = nn.AvgPool2d if name == "avg_pool2d" else nn.MaxPool2d
                known: dict[str, Any] = {k: v for k, v in options.items() if k != "kernel_size"}
                return self.described("", OPERATIONS[made](made(kernel, **known)), x)
            case "permute", axes:
                return self.permuted(x, axes[0] if len(axes) == 1 else axes)
            case "layer_norm", [[_], fx.Node() as weight, fx.Node() as bias, float(epsilon)]:
                if x.order != "NHWC":
                    raise UnportableError("layer_norm over other axes than the channels")
                tensors = (str(weight.target), str(bias.target))
                return self.after(x, self.add("layer_norm", (x,), tensors, epsilon=epsilon))
        raise UnportableError(f"no counterpart for {getattr(node.target, '__name__', node.target)}")

    def activation(self, x: _Value, kind: str) -> _Value:
        """A function of each number."""
        return self.after(x, self.add("activation", (x,), function=kind), kind in ("relu", "relu6", "sigmoid"))

    def concatenated(self, parts: Any, axis: list[Any]) -> _Value:
        """Channels of several maps side by side."""
        values = [self.at(part) for part in parts]
        if axis != [1] or any(value.order != "NCHW" for value in values):
            raise UnportableError("no counterpart for cat of anything but channels")
        positive = all(value.positive for value in values)
        if len(values) == 1:
            return values[0]
        return self.after(values[0], self.add("concatenate", tuple(values)), positive)

    def arithmetic(self, name: str, node: fx.Node) -> _Value:
        """A sum or product of two maps, or a map times one number a channel."""
        constants = [part for part in node.args if isinstance(part, fx.Node) and part.op == "get_attr"]
        if name == "mul" and len(constants) == 1:
            (x,) = (self.at(part) for part in node.args if part is not constants[0])
            target = str(constants[0].target)
            if x.order == "NCHW" and self.tensors[target].shape[1:] == (1, 1):
                return self.after(x, self.add("scale", (x,), (target,)))
        values = [self.at(part) for part in node.args]
        if len(values) != 2 or node.kwargs or values[0].order != values[1].order:
            raise UnportableError(f"no counterpart for {name} of such tensors")
        number = self.add("add" if name == "add" else "multiply", tuple(values))
        positive, single = all(v.positive for v in values), all(v.single or v.pool == (1, 1) for v in values)
        return _Value(number, values[0].order, single, positive)

    def pool(self, x: _Value, size: tuple[int, int]) -> _Value:
        """Adaptive average pooling: put off until it is known what follows."""
        if x.order != "NCHW":
            raise UnportableError("pooling over other axes than height and width")
        return dataclasses.replace(self.computed(x), pool=size)

    def pooled(self, x: _Value) -> _Value:
        """A vector of the channels' means."""
        return _Value(self.add("global_pool", (x,), keepdims=False), "NC", positive=x.positive)

    def flatten(self, x: _Value) -> _Value:
        """A map becomes a vector. Pooling straight to [N, C] leaves no reshape, which would fix TFLite's batch size."""
        if x.order != "NCHW" or x.parts:
            raise UnportableError("no counterpart for flatten of such a tensor")
        if x.single or x.pool == (1, 1):
            return self.pooled(dataclasses.replace(x, pool=None))
        if x.pool is None:
            raise UnportableError("it flattens a feature map that is not pooled")
        return dataclasses.replace(x, order="flat")

    def linear(self, name: str, module: nn.Linear, x: _Value) -> _Value:
        """A linear layer: over a vector, over the channels of a map, or over a whole map at once."""
        if module.bias is None:
            raise UnportableError("a linear layer without bias")
        tensors = (f"{name}.weight", f"{name}.bias")
        if x.order == "flat" and x.pool:
            source = dataclasses.replace(x, order="NCHW", pool=None)
            return _Value(self.add("linear_of_map", (source,), tensors, pool=x.pool), "NC")
        if x.order == "NCHW":
            raise UnportableError("a linear layer over the width of a map")
        return self.after(x, self.add("linear", (x,), tensors, map=x.order == "NHWC"))

    def permuted(self, x: _Value, axes: Any) -> _Value:
        """Another order of axes: here nothing to do, since maps always are channels-last."""
        orders = {("NCHW", (0, 2, 3, 1)): "NHWC", ("NHWC", (0, 3, 1, 2)): "NCHW"}
        order = orders.get((x.order, tuple(axes)))
        if order is None:
            raise UnportableError("no counterpart for permute of such axes")
        return dataclasses.replace(self.computed(x), order=order)
