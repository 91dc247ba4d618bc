"""Small int8 networks with errors that only some processors show. They are what the proof must not let through."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

SIZE = 32
CHANNELS = 16


class _Once(CalibrationDataReader):  # type: ignore[misc]
    """Gives one batch."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._batches = iter([{"image": images}])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._batches, None)


def write_saturating(path: Path, images: NDArray[np.uint8], seven_bits: bool) -> None:
    """Write a network of two convolutions, int8 activations and int8 weights per channel (S8S8).

    Its weights are all near the largest of their channel, so that pairs of products with 127 leave 16 bits.
    """
    random = np.random.default_rng(0)

    def weight(outputs: int, inputs: int) -> NDArray[np.float32]:
        signs = np.sign(random.normal(size=(outputs, inputs, 3, 3)))
        sizes = random.uniform(0.8, 1.0, (outputs, inputs, 3, 3)) / np.sqrt(9 * inputs)
        return (signs * sizes).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["pixels", "w0"], ["c0"], "c0", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c0"], ["r0"], "r0"),
        helper.make_node("Conv", ["r0", "w1"], ["last"], "c1", pads=[1, 1, 1, 1]),
    ]
    _quantize(path, nodes, {"w0": weight(CHANNELS, 3), "w1": weight(CHANNELS, CHANNELS)}, images, seven_bits)


def write_residual(path: Path, images: NDArray[np.uint8]) -> None:
    """Write a network of eight residual blocks whose sums have the scales that calibration happened to give."""
    random = np.random.default_rng(1)

    def weight(outputs: int, inputs: int, kernel: int) -> NDArray[np.float32]:
        shape = (outputs, inputs, kernel, kernel)
        return (random.normal(size=shape) / np.sqrt(inputs * kernel**2)).astype(np.float32)

    weights = {"stem": weight(CHANNELS, 3, 3)}
    nodes = [helper.make_node("Conv", ["pixels", "stem"], ["x0"], "stem", pads=[1, 1, 1, 1])]
    for i in range(8):
        weights[f"w{i}"] = weight(CHANNELS, CHANNELS, 1)
        last = "last" if i == 7 else f"x{i + 1}"
        nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"y{i}"], f"conv{i}"))
        nodes.append(helper.make_node("Add", [f"x{i}", f"y{i}"], [last], f"add{i}"))
    _quantize(path, nodes, weights, images, seven_bits=True, activations=QuantType.QUInt8)


def _quantize(
    path: Path,
    nodes: list[onnx.NodeProto],
    weights: dict[str, NDArray[np.float32]],
    images: NDArray[np.uint8],
    seven_bits: bool,
    activations: QuantType = QuantType.QInt8,
) -> None:
    """Quantize what leads from ``pixels`` to ``last`` with ONNX Runtime's tool; around it, bytes in and means out."""
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.float32(1 / 255), "byte"))
    head = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "byte"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["pixels"], perm=[0, 3, 1, 2]),
    ]
    tail = [
        helper.make_node("GlobalAveragePool", ["last"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CHANNELS])
    graph = helper.make_graph([*head, *nodes, *tail], "planted", [image], [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "float.onnx"
        onnx.save(model, str(plain))
        quantize_static(
            str(plain),
            str(path),
            _Once(images),
            op_types_to_quantize=["Conv", "Relu", "Add"],
            activation_type=activations,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=seven_bits,
        )
