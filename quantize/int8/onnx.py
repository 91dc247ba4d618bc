"""int8 ONNX: static, QDQ, uint8 activations, int8 weights per channel in 7 bits.

Seven bits because x86 processors with AVX2 or AVX-512 but without VNNI add pairs of u8 x s8 products in 16 bits with
saturation (VPMADDUBSW): 2 x 255 x 127 does not fit and the sum is silently wrong, 2 x 255 x 64 = 32640 does. Such a
file gives the same on AVX2, VNNI and ARM, and :func:`widest_weight` proves it from the file alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.quiet import quiet
from quantize.export.onnx import describe

#: What becomes int8. Not Transpose and Cast: the head of the graph that turns pixels into network input stays as it is.
OPERATORS = ["Conv", "Gemm", "Add", "Mul", "GlobalAveragePool", "MaxPool", "Clip", "Relu", "Sigmoid", "HardSigmoid"]

#: Largest weight whose pair of products with uint8 activations fits 16 bits with sign.
LIMIT = 64


def export_int8_onnx(float_file: Path, path: Path, images: NDArray[np.uint8], config: Config) -> None:
    """Quantize a float ONNX file of this project.

    Ranges are the smallest and largest values met (MinMax). On a MobileNetV2 for FER+ at 64 px that gave a mean logit
    error of 0.029; the 99.99th and 99.999th percentile 0.029 and 0.028, entropy 0.029, the 99.9th percentile 0.128; and
    only MinMax does not hold every activation of every image in memory. The two heads stay in float: 35 kB for a
    fifteenth of the error. Keeping the first convolution in float as well won another fifteenth: not worth its time.

    Args:
        float_file: from :func:`quantize.export.onnx.export_onnx`.
        path: the file to write.
        images: to calibrate on, uint8 ``[N, S, S, 3]``.
        config: of the bundle, for the metadata.

    Raises:
        RuntimeError: a weight came out wider than seven bits.
    """
    with quiet(), tempfile.TemporaryDirectory() as scratch:
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        prepared = Path(scratch) / "prepared.onnx"
        quant_pre_process(str(float_file), str(prepared))
        quantize_static(
            str(prepared),
            str(path),
            _Reader(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS,
            nodes_to_exclude=kept_in_float(onnx.load(str(prepared)).graph),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
        )
        model = onnx.load(str(path))
        describe(model, config, quantization="static QDQ, uint8 activations, 7-bit int8 weights per channel")
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
        widest = widest_weight(path)
    if not 0 < widest <= LIMIT:
        raise RuntimeError(f"weights reach {widest}; beyond {LIMIT} processors without VNNI compute wrong values")


def kept_in_float(graph: Any) -> list[str]:
    """Names of the nodes that stay float: the normalisation (the first convolution) and the two linear heads."""
    producer = {output: node for node in graph.node for output in node.output}
    names = [next(node.name for node in graph.node if node.op_type == "Conv")]
    for output in ("logits", "valence_arousal"):
        node = producer[output]
        while node.op_type != "Gemm":
            names.append(node.name)
            node = producer[node.input[0]]
        names.append(node.name)
    return names


def widest_weight(path: Path) -> int:
    """Largest absolute int8 weight in an ONNX file, 0 when it holds none. At most 64: no processor saturates."""
    import onnx

    model = onnx.load(str(path))
    tensors = [onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    # Zero points are int8 too, and zero, since weights are symmetric.
    return max((int(np.abs(tensor.astype(np.int16)).max()) for tensor in tensors if tensor.size), default=0)


class _Reader:
    """Hands images to ONNX Runtime's calibration, a few at a time."""

    def __init__(self, images: NDArray[np.uint8], batch: int = 8) -> None:
        self._batches = iter([images[i : i + batch] for i in range(0, len(images), batch)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}
