"""TFLite: the Keras model through TensorFlow's converter, with inputs and outputs named as the contract says.

The float file is made once; float16 and dynamic range are made from its bytes, in well under a second.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.engines.keras import import_keras
from edge.quiet import quiet

INPUT = "image"
OUTPUTS = ("logits", "valence_arousal")

#: Smaller weights stay float32 in a dynamic-range file, as in TensorFlow's own converter: they are the layers next to
#: the pixels, normalisation among them, which cost accuracy and save nothing.
LEAST_WEIGHTS = 1024

#: litert-quantizer 0.11 fails on kernels of more bytes than this: it then works in parts, and broadcasts scales of four
#: axes to two.
QUANTIZER_LIMIT = 32 * 2**20

_FLOAT16 = {
    "weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT"},
    "compute_precision": "FLOAT",
    "explicit_dequantize": True,
}
_DYNAMIC = {
    "weight_tensor_config": {"num_bits": 8, "symmetric": True, "granularity": "CHANNELWISE", "dtype": "INT"},
    "compute_precision": "INTEGER",
    "explicit_dequantize": False,
    "min_weight_elements": LEAST_WEIGHTS,
}


def export_float16(float_tflite: bytes, path: Path) -> None:
    """Write a float32 TFLite file with its weights in float16: half the size; arithmetic stays float32.

    XNNPACK unpacks the weights when the file is loaded, so it is as fast as float32 and takes as much memory.

    Args:
        float_tflite: what :func:`convert` gave.
        path: the file to write.
    """
    operators = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    path.write_bytes(_quantized(float_tflite, [_entry(operator, "float_casting", _FLOAT16) for operator in operators]))


def export_dynamic(float_tflite: bytes, path: Path) -> None:
    """Write a float32 TFLite file as dynamic range: int8 weights, and activations that are float between operators.

    Convolutions and linear layers quantize their input anew for every image and compute in int8, so no calibration is
    needed. Depthwise convolutions stay float32: XNNPACK has no kernel for them in this form, and a file that mixes
    both would be cut into a dozen pieces. MobileNetV2 runs twice as fast that way, and nearer to the checkpoint; its
    depthwise weights are 4 % of the file. Kernels beyond :data:`QUANTIZER_LIMIT` (Wide ResNet, VGG) become float16.

    Args:
        float_tflite: what :func:`convert` gave.
        path: the file to write.
    """
    recipe = [
        *(_entry(operator, "min_max_uniform_quantize", _DYNAMIC) for operator in ("CONV_2D", "FULLY_CONNECTED")),
        *(_entry("CONV_2D", "float_casting", _FLOAT16, re.escape(name)) for name in oversize(float_tflite)),
    ]
    path.write_bytes(_quantized(float_tflite, recipe))


def oversize(float_tflite: bytes) -> list[str]:
    """Names of the kernels that are too large for litert-quantizer; the outputs of their convolutions contain them."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet():
        tensors = Interpreter(model_content=float_tflite).get_tensor_details()
    return [
        str(tensor["name"])
        for tensor in tensors
        if len(tensor["shape"]) == 4 and 4 * math.prod(tensor["shape"].tolist()) > QUANTIZER_LIMIT
    ]


def _entry(operator: str, algorithm: str, config: dict[str, Any], name: str = ".*") -> dict[str, Any]:
    return {"regex": name, "operation": operator, "algorithm_key": algorithm, "op_config": config}


def _quantized(content: bytes, recipe: list[dict[str, Any]]) -> bytes:
    with quiet():
        from litert_quantizer import quantizer

        return bytes(quantizer.Quantizer(content, recipe).quantize().quantized_model)


def convert(model: Any, prepare: Callable[[Any, Any], None] | None = None) -> bytes:
    """Return the TFLite file of a Keras model.

    Args:
        model: gives ``logits`` and ``valence_arousal``.
        prepare: called with ``tensorflow`` and the converter before it runs, to ask for quantization.
    """
    import_keras()
    with quiet():
        import tensorflow

        converter = tensorflow.lite.TFLiteConverter.from_keras_model(model)
        if prepare:
            prepare(tensorflow, converter)
        return name_tensors(bytes(converter.convert()))


def name_tensors(content: bytes) -> bytes:
    """Give the input and output tensors of a TFLite file the names of its signature.

    The converter calls them ``StatefulPartitionedCall_1:0`` and so on, in an order of its own, and many programs know a
    tensor by nothing else. Names are changed in place: writing the file anew with TensorFlow's Python
    writer would lose the alignment of the weights, which XNNPACK relies on.

    Raises:
        ValueError: the file's signature does not name the contract's tensors.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    runner = interpreter.get_signature_runner()
    details = {**runner.get_input_details(), **runner.get_output_details()}
    if set(details) != {INPUT, *OUTPUTS}:
        raise ValueError(f"the signature has {sorted(details)}")
    for name, detail in details.items():
        content = _rename(content, detail["name"].encode(), name.encode())
    return content


def _rename(content: bytes, old: bytes, new: bytes) -> bytes:
    # A flatbuffer string: its length in four bytes, the text, a zero.
    if old == new:
        return content
    before = struct.pack("<I", len(old)) + old + b"\0"
    if content.count(before) != 1 or len(new) > len(old):
        raise ValueError(f"cannot rename tensor {old.decode()}")
    after = struct.pack("<I", len(new)) + new
    return content.replace(before, after + b"\0" * (len(before) - len(after)))
