"""TFLite: the Keras model through TensorFlow's converter, with inputs and outputs named as the contract says."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.engines.keras import import_keras
from edge.quiet import quiet

INPUT = "image"
OUTPUTS = ("logits", "valence_arousal")


def export_tflite(model: Any, path: Path) -> None:
    """Write a model of :func:`quantize.export.keras.build_keras` as float32 TFLite; the batch can be resized."""
    path.write_bytes(convert(model))


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
