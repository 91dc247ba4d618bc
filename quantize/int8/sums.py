"""Residual sums that every processor rounds alike.

ONNX Runtime adds two uint8 tensors with other arithmetic on other processors: float with a fused multiply-add on AVX2,
float without it on SSE2, 22-bit fixed point on ARM; ties go to even here and away from zero there. A sum that lies
within their errors of the middle between two steps comes out one step apart, about one in thirty thousand, and the
layers after it spread the difference: of a ResNet-18's last int8 tensor a tenth differed between x86-64 and aarch64.

The remedy needs no knowledge of kernels. With scales whose ratios to the result's are ``p / q`` and ``r / q``, ``q``
odd, a sum is a whole number of ``1 / q``, and no such number comes closer than ``1 / (2 q)`` to the middle between two
steps: more than any of these arithmetics errs. With ``q`` = 255 scales move by a fraction of a percent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Tried in this order, all odd: the finer ones move scales less, the coarser ones keep wide ratios far from ties.
DENOMINATORS = (255, 127, 63, 31, 15)
#: Operators that hand uint8 values on; what goes in and what comes out have one scale and must keep it so.
SAME_SCALE = ("MaxPool", "Clip", "Relu", "Reshape", "Flatten", "Transpose")


def settle_sums(model: Any) -> None:
    """Move the scales of what a QDQ model adds, until :func:`unsettled_sums` finds none; biases are moved along.

    Zero points stay, so that zero stays exact. A tensor that goes into two sums is settled for the later one.

    Args:
        model: ``onnx.ModelProto`` with static activation scales; changed in place.
    """
    graph = _Graph(model)
    moved: set[str] = set()
    for node in reversed(graph.sums):  # a sum that goes into the next one must not move again once it is settled
        result = graph.scale(graph.quantizer(node))
        inputs = [graph.dequantizer(name) for name in node.input]
        ratios = [graph.scale(each) / result for each in inputs]
        q = next((q for q in DENOMINATORS if 0.5 / q > 2 * _error(max(1.0, *ratios))), DENOMINATORS[-1])
        for each, ratio in zip(inputs, ratios, strict=True):
            if graph.group(each.input[1]) not in moved:
                graph.move(each.input[1], result * max(1, round(ratio * q)) / q)
                moved.add(graph.group(each.input[1]))
    graph.write()


def unsettled_sums(model: Any) -> list[str]:
    """Names of the nodes that add quantized tensors and may give other values on another processor.

    All 65,536 pairs of values of each sum are looked at: proof from the file alone, without running it.

    Args:
        model: ``onnx.ModelProto``.
    """
    graph = _Graph(model)
    return [node.name or node.output[0] for node in graph.sums if not _settled(graph, node)]


def _settled(graph: _Graph, node: Any) -> bool:
    first, second = (graph.dequantizer(name) for name in node.input)
    result = graph.quantizer(node)
    scale, zero = graph.scale(result), graph.zero(result)
    ratios = [graph.scale(each) / scale for each in (first, second)]
    terms = [(np.arange(256) - graph.zero(each)) * ratio for each, ratio in zip((first, second), ratios, strict=True)]
    sums = terms[0][:, None] + terms[1][None, :] + zero
    inside = sums[(sums > -1) & (sums < 256)]  # further out all processors saturate
    return float(np.abs(inside - np.floor(inside) - 0.5).min()) > _error(max(1.0, *ratios))


def _error(ratio: float) -> float:
    """Bound on what any of the arithmetics errs, in steps of the result, for scale ratios up to ``ratio`` (>= 1).

    Float: ten roundings of numbers below ``255 (2 ratio + 1)`` to 24 bits. Fixed point: two multipliers, each rounded
    to 22 bits of the larger ratio and multiplied by up to 255.
    """
    floating = 10 * 2.0**-24 * 255 * (2 * ratio + 1)
    fixed = 255 * 2.0 ** (np.floor(np.log2(ratio)) - 21)
    return float(max(floating, fixed))


class _Graph:
    """A QDQ graph, its activation scales by name, and those that must stay equal in groups."""

    def __init__(self, model: Any) -> None:
        from onnx import numpy_helper

        self._helper = numpy_helper
        self._graph = model.graph
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._producer = {name: node for node in model.graph.node for name in node.output}
        self._users: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        quantizers = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
        self._scales = {node.input[1]: float(self._value(node.input[1])) for node in quantizers}
        self._moved: dict[str, float] = {}
        self._groups = {name: name for name in self._scales}
        for node in model.graph.node:
            if node.op_type in SAME_SCALE:
                self._join(node)
        #: Nodes that add two quantized activations into a third, in the order they run.
        self.sums = [node for node in model.graph.node if node.op_type == "Add" and self._is_sum(node)]

    def dequantizer(self, name: str) -> Any:
        """The DequantizeLinear that gives this tensor, or None."""
        node = self._producer.get(name)
        known = node is not None and node.op_type == "DequantizeLinear" and node.input[1] in self._scales
        return node if known else None

    def quantizer(self, node: Any) -> Any:
        """The one QuantizeLinear that takes a node's output, or None."""
        found = [user for user in self._users.get(node.output[0], []) if user.op_type == "QuantizeLinear"]
        return found[0] if len(found) == 1 else None

    def scale(self, node: Any) -> float:
        """Scale of a QuantizeLinear or DequantizeLinear, as it stands now."""
        return self._moved.get(self.group(node.input[1]), self._scales[node.input[1]])

    def zero(self, node: Any) -> int:
        """Zero point of a QuantizeLinear or DequantizeLinear, counted from the smallest value of its type."""
        value = self._value(node.input[2])
        return int(value) - int(np.iinfo(value.dtype).min)

    def group(self, scale: str) -> str:
        """Name that stands for all scales that equal this one."""
        while self._groups[scale] != scale:
            scale = self._groups[scale]
        return scale

    def move(self, scale: str, value: float) -> None:
        """Give a scale, and those that equal it, another value."""
        self._moved[self.group(scale)] = float(np.float32(value))

    def write(self) -> None:
        """Write moved scales into the model, and biases in steps of input scale times weight scale as before."""
        for node in self._graph.node:
            if node.op_type in ("Conv", "Gemm") and len(node.input) > 2:
                self._write_bias(node)
        for name in self._scales:
            if self.group(name) in self._moved:
                self._set(name, np.full_like(self._value(name), self._moved[self.group(name)]))

    def _write_bias(self, node: Any) -> None:
        source, bias = self.dequantizer(node.input[0]), self._producer.get(node.input[2])
        if source is None or bias is None or self.group(source.input[1]) not in self._moved:
            return
        factor = self.scale(source) / self._scales[source.input[1]]
        values, scales = self._value(bias.input[0]), self._value(bias.input[1])
        self._set(bias.input[0], np.round(values / factor).astype(values.dtype))
        self._set(bias.input[1], (scales * factor).astype(scales.dtype))

    def _join(self, node: Any) -> None:
        before, after = self.dequantizer(node.input[0]), self.quantizer(node)
        if before is not None and after is not None and self.scale(before) == self.scale(after):
            self._groups[self.group(after.input[1])] = self.group(before.input[1])

    def _is_sum(self, node: Any) -> bool:
        inputs = [self.dequantizer(name) for name in node.input]
        return None not in inputs and self.quantizer(node) is not None

    def _value(self, name: str) -> Any:
        return self._helper.to_array(self._constants[name])

    def _set(self, name: str, value: Any) -> None:
        self._constants[name].CopyFrom(self._helper.from_array(value, name))
