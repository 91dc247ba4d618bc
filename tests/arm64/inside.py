"""Making the quantized tensors inside an ONNX file visible."""

from __future__ import annotations

from pathlib import Path

import onnx


def expose(source: Path, target: Path) -> list[str]:
    """Write a model that also gives the quantized tensors which its float tail starts from, and return their names.

    Those alone: all that is int8 lies before them, and a tensor that becomes an output cannot be fused away.
    """
    model = onnx.load(str(source))
    producer = {name: node for node in model.graph.node for name in node.output}
    found: list[str] = []
    seen: set[str] = set()
    waiting = [output.name for output in model.graph.output]
    while waiting:
        name = waiting.pop()
        node = producer.get(name)
        if name in seen or node is None:
            continue
        seen.add(name)
        if node.op_type == "DequantizeLinear":
            before = producer.get(node.input[0])
            if before is not None and before.op_type == "QuantizeLinear":
                found.append(node.input[0])
            continue
        waiting.extend(node.input)
    for name in found:
        zero = next(each for each in model.graph.initializer if each.name == producer[name].input[2])
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, zero.data_type, None))
    onnx.save(model, str(target))
    return found
