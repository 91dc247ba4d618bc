"""Layers of a TFLite file, as its runtime sees them before it hands any to a delegate."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from bench.macs import Layer
from edge.errors import EdgeError
from edge.quiet import silent_stderr

#: Operators that move nothing of their own: constants in another form, other names for the same bytes, and what
#: runtimes do while they read or write a neighbour's tensor.
_FREE = {
    "DEQUANTIZE",
    "QUANTIZE",
    "DENSIFY",
    "CAST",
    "RESHAPE",
    "SQUEEZE",
    "EXPAND_DIMS",
    "RELU",
    "RELU6",
    "PAD",
    "PADV2",
}


def read_layers(path: Path, content: bytes | None = None, shape: Sequence[int] | None = None) -> list[Layer]:
    """See :func:`bench.macs.layers_of`."""
    operators, tensors, constants = _graph(path, content, shape)
    producers = {int(output): operator for operator in operators for output in operator["outputs"]}
    readers: dict[int, list[Any]] = {}
    for operator in operators:
        for tensor in operator["inputs"]:
            readers.setdefault(int(tensor), []).append(operator)

    def size(tensor: int) -> int:
        shape = [int(side) for side in tensors[tensor]["shape"]]
        return prod(shape) * int(np.dtype(tensors[tensor]["dtype"]).itemsize)

    def read_size(tensor: int) -> int:
        """The smallest form between where it comes from and here."""
        smallest = size(tensor)
        while (producer := producers.get(tensor)) is not None and producer["op_name"] in _FREE:
            tensor = int(producer["inputs"][0])
            smallest = min(smallest, size(tensor))
        return smallest

    def written_size(tensor: int) -> int:
        """The smallest form between here and where it goes to, as far as it goes to one place alone."""
        smallest = size(tensor)
        while len(after := readers.get(tensor, [])) == 1 and after[0]["op_name"] in _FREE:
            tensor = int(after[0]["outputs"][0])
            smallest = min(smallest, size(tensor))
        return smallest

    layers = []
    for operator in operators:
        kind = operator["op_name"]
        outputs = [int(index) for index in operator["outputs"]]
        # -1 stands for an input left out; scratch tensors have no details.
        inputs = [int(index) for index in operator["inputs"] if int(index) in tensors]
        if kind in _FREE or all(tensor in constants for tensor in inputs):
            continue
        moved = sum(map(read_size, inputs)) + sum(map(written_size, outputs))
        integer = bool(np.issubdtype(tensors[outputs[0]]["dtype"], np.integer))
        multiplied = _macs(kind, [tensors[i]["shape"] for i in inputs], tensors[outputs[0]]["shape"])
        layers.append(Layer(kind, multiplied, moved, integer))
    return layers


def _macs(kind: str, inputs: list[Any], output: Any) -> int:
    """MACs of an operator from the shapes of its inputs (activations first, then weights) and its output."""
    if kind == "CONV_2D":  # weights [out, height, width, in]
        return int(prod(map(int, output))) * int(prod(map(int, inputs[1][1:])))
    if kind == "DEPTHWISE_CONV_2D":  # weights [1, height, width, out]
        return int(prod(map(int, output))) * int(prod(map(int, inputs[1][1:3])))
    if kind == "FULLY_CONNECTED":  # weights [out, in]
        return int(prod(map(int, output))) * int(inputs[1][1])
    if kind in ("TRANSPOSE_CONV", "BATCH_MATMUL", "CONV_3D"):
        raise EdgeError(f"MACs of {kind} are not counted; add them to {Path(__file__).name}")
    return 0


def _graph(
    path: Path, content: bytes | None, shape: Sequence[int] | None
) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]], set[int]]:
    """Return operators, tensors by index, and which tensors are constants or come of constants alone."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ModuleNotFoundError as error:
        raise EdgeError("MACs of .tflite files need LiteRT; install it with: pip install ai-edge-litert") from error
    given = {"model_path": str(path)} if content is None else {"model_content": content}
    try:
        with silent_stderr():
            plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            interpreter = Interpreter(**given, num_threads=1, experimental_op_resolver_type=plain)
            if shape is not None:
                interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], list(shape))
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise EdgeError(f"{path} is not a readable TFLite model; restore it") from error
    tensors = {int(each["index"]): each for each in interpreter.get_tensor_details()}
    operators = [operator for operator in interpreter._get_ops_details() if operator["op_name"] != "DELEGATE"]
    varying = {int(each["index"]) for each in interpreter.get_input_details()}
    for operator in operators:
        if any(int(index) in varying for index in operator["inputs"]):
            varying |= {int(index) for index in operator["outputs"]}
    return operators, tensors, tensors.keys() - varying
