"""What a network asks for: multiplications with addition (MACs) and bytes moved, layer by layer, from the file alone.

MACs of a convolution are one for each weight that meets each output value; of a fully connected layer, one for each
weight. Nothing else is counted: additions, activations, pooling and scaling have no multiplication by a weight.

Bytes moved are what a layer must read and write when it is computed on its own, with nothing left in a cache by the one
before: its weights, the activations it reads and those it writes, each once, in the form in which they are kept between
layers. What runtimes compute together with a layer (activation functions, conversions between int8 and float) moves
nothing. It is the traffic that a roofline wants (Williams, Waterman and Patterson 2009), no measurement.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EdgeError


@dataclasses.dataclass(frozen=True)
class Layer:
    """An operator that computes.

    Attributes:
        kind: the format's own name of the operator.
        macs: multiplications with addition, batch 1.
        bytes_moved: weights and activations.
        integer: whether it computes in int8; else in float32.
    """

    kind: str
    macs: int
    bytes_moved: int
    integer: bool


def layers_of(path: Path, content: bytes | None = None, shape: Sequence[int] | None = None) -> list[Layer]:
    """Return the layers of an ``.onnx`` or ``.tflite`` file, batch 1.

    Args:
        path: the file; a ``.tflite`` file needs its runtime, an ``.onnx`` file the package onnx.
        content: bytes that stand in place of a ``.tflite`` file's.
        shape: for its only input, in place of the file's own.

    Raises:
        EdgeError: no such file, another format, or the package that reads it is missing.
    """
    if path.suffix == ".tflite":
        from bench.macs_tflite import read_layers

        return read_layers(path, content, shape)
    if path.suffix == ".onnx":
        from bench.macs_onnx import read_layers as read_onnx_layers

        return read_onnx_layers(path)
    raise EdgeError(f"{path}: MACs are counted in .tflite and .onnx files")


def macs(layers: Sequence[Layer]) -> int:
    """Return the sum of MACs."""
    return sum(layer.macs for layer in layers)


def bytes_moved(layers: Sequence[Layer]) -> int:
    """Return the sum of bytes moved."""
    return sum(layer.bytes_moved for layer in layers)
