"""Layers of an ONNX file; quantized ones are files with QuantizeLinear and DequantizeLinear around float operators."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from bench.macs import Layer
from edge.errors import EdgeError

#: Operators that move nothing of their own: see :data:`bench.macs_tflite._FREE`.
_FREE = {
    *("QuantizeLinear", "DequantizeLinear", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"),
    *("Relu", "Clip", "BatchNormalization", "Pad", "Constant", "Shape"),
}


def read_layers(path: Path) -> list[Layer]:
    """See :func:`bench.macs.layers_of`."""
    graph, sizes, shapes = _graph(path)
    constants = {each.name for each in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    varying = {each.name for each in graph.input} - constants
    for node in graph.node:
        if any(name in varying for name in node.input):
            varying |= set(node.output)

    def read_form(name: str) -> tuple[int, bool]:
        """The smallest form between where it comes from and here, and whether that is int8."""
        smallest = sizes[name]
        while (producer := producers.get(name)) is not None and producer.op_type in _FREE and len(producer.input):
            name = producer.input[0]
            smallest = min(smallest, sizes[name])
        return smallest

    def written_form(name: str) -> tuple[int, bool]:
        """The same between here and where it goes to, as far as it goes to one place alone."""
        smallest = sizes[name]
        while len(after := readers.get(name, [])) == 1 and after[0].op_type in _FREE:
            name = after[0].output[0]
            smallest = min(smallest, sizes[name])
        return smallest

    layers = []
    for node in graph.node:
        if node.op_type in _FREE or not any(name in varying for name in node.input):
            continue
        inputs = [name for name in node.input if name]
        read, written = [read_form(name) for name in inputs], [written_form(name) for name in node.output if name]
        # It computes in int8 where its activations come as int8, its weights do, and so does its result leave.
        needed = [*read[:2], written[0]]
        layers.append(
            Layer(
                node.op_type,
                _macs(node, [shapes[name] for name in inputs], shapes[node.output[0]]),
                sum(size for size, _ in (*read, *written)),
                all(byte for _, byte in needed),
            )
        )
    return layers


def _macs(node: Any, inputs: list[list[int]], output: list[int]) -> int:
    """MACs of an operator from the shapes of its inputs (activations first, then weights) and its output."""
    if node.op_type == "Conv":  # weights [out, in / groups, height, width]
        return prod(output) * prod(inputs[1][1:])
    if node.op_type == "Gemm":
        transposed = any(each.name == "transA" and each.i for each in node.attribute)
        return prod(output) * inputs[0][0 if transposed else 1]
    if node.op_type == "MatMul":
        return prod(output) * inputs[0][-1]
    if node.op_type in ("ConvTranspose", "QLinearConv", "ConvInteger", "MatMulInteger", "QLinearMatMul", "Einsum"):
        raise EdgeError(f"MACs of {node.op_type} are not counted; add them to {Path(__file__).name}")
    return 0


def _graph(path: Path) -> tuple[Any, dict[str, tuple[int, bool]], dict[str, list[int]]]:
    """Return the graph at batch 1; bytes by tensor, with whether they are int8; and shapes by tensor."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise EdgeError("MACs of .onnx files need the package onnx; install it with: pip install onnx") from error
    try:
        model = onnx.load(str(path))
        for source in model.graph.input:
            batch = source.type.tensor_type.shape.dim[0]
            if not batch.HasField("dim_value") or batch.dim_value < 1:
                batch.dim_value = 1
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except OSError as error:
        raise EdgeError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # protobuf's and onnx's own
        raise EdgeError(f"{path} is not a readable ONNX model; restore it") from error
    graph = model.graph
    sizes: dict[str, tuple[int, bool]] = {"": (0, False)}
    shapes: dict[str, list[int]] = {"": []}

    def keep(name: str, shape: list[int], element: int) -> None:
        width = onnx.helper.tensor_dtype_to_np_dtype(element).itemsize
        sizes[name] = prod(shape) * width, width == 1
        shapes[name] = shape

    for each in graph.initializer:
        keep(each.name, list(each.dims), each.data_type)
    for each in (*graph.input, *graph.value_info, *graph.output):
        kind = each.type.tensor_type
        keep(each.name, [side.dim_value for side in kind.shape.dim], kind.elem_type)
    return graph, sizes, shapes
