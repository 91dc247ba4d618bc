"""int8 TFLite: whole-integer arithmetic between a uint8 image and float32 outputs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.export.tflite import convert

#: Operators whose arithmetic must be int8.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def export_int8_tflite(model: Any, path: Path, images: NDArray[np.uint8]) -> None:
    """Quantize a model of :func:`quantize.export.keras.build_keras`.

    Args:
        model: the Keras model.
        path: the file to write.
        images: to calibrate on, uint8 ``[N, S, S, 3]``.

    Raises:
        RuntimeError: the converter left a convolution or a linear layer in float.
    """

    def calibration() -> Iterator[list[NDArray[np.uint8]]]:
        for image in images:
            yield [image[None]]

    def prepare(tensorflow: Any, converter: Any) -> None:
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = calibration
        # Input and output types stay unset: uint8 and float32 are kept, as the contract wants. Setting them would give
        # quantized outputs.
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]

    path.write_bytes(convert(model, prepare))
    kinds = weight_types(path)
    if not kinds or set(kinds) != {"int8"}:
        raise RuntimeError(f"the converter left layers in float: weights are {', '.join(sorted(set(kinds)))}")


def weight_types(path: Path) -> list[str]:
    """Types of the weights of all convolutions and linear layers in a TFLite file, in the order of the graph."""
    from tensorflow.lite.python import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    kinds = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if codes[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()] in WEIGHTED:
            kinds.append(names[graph.Tensors(operator.Inputs(1)).Type()].lower())
    return kinds
