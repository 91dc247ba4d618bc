"""int8 ONNX: static, QDQ, uint8 activations, int8 weights per channel in 7 bits.

Seven bits because x86 processors with AVX2 or AVX-512 but without VNNI add pairs of u8 x s8 products in 16 bits with
saturation (VPMADDUBSW): 2 x 255 x 127 does not fit and the sum is silently wrong, 2 x 255 x 64 = 32640 does. Such a
file gives the same on AVX2, VNNI and ARM, and :func:`widest_weight` proves it from the file alone.

Of a :class:`~quantize.int8.prepared.PreparedNetwork` the file computes in integers from the image to the last feature
map; pooling and the two heads are float and come last, so that nothing behind them is rounded to a step again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError
from edge.quiet import quiet
from quantize.export.onnx import describe
from quantize.int8.ranges import Histogram, Range, histograms
from quantize.int8.sums import settle_sums, unsettled_sums

#: What becomes int8.
OPERATORS = (
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Concat", "GlobalAveragePool", "AveragePool", "MaxPool"),
    *("Clip", "Relu", "Sigmoid", "HardSigmoid", "HardSwish"),
)
WEIGHTED = ("Conv", "Gemm", "MatMul")
_FUSED = ("Clip", "Relu")
_AFTER_HEADS = ("Tanh", "Softmax", "Log", "Identity", "Reshape", "Squeeze", "Slice", "Add")

#: Operators that were seen to give the same integers on x86-64 with and without VNNI, Cortex-A72 and -A76.
_PROVEN = {"Conv", "Add", "MaxPool", *_FUSED}

#: Largest weight whose pair of products with uint8 activations fits 16 bits with sign.
LIMIT = 64


class OnnxGraph:
    """A float ONNX file that is ready to be observed and written as int8, several times over."""

    def __init__(self, float_file: Path, folder: Path) -> None:
        """Fold and infer shapes.

        Args:
            float_file: takes ``image`` and gives ``logits`` and ``valence_arousal``.
            folder: for intermediate files; the caller removes it.
        """
        with quiet():
            import onnx
            from onnxruntime.quantization.shape_inference import quant_pre_process

            self.path = folder / f"{float_file.stem}_prepared.onnx"
            quant_pre_process(str(float_file), str(self.path))
            self._model = onnx.load(str(self.path))
        self.kept = _kept_in_float(self._model.graph)
        self.activations = [
            node.output[0]
            for node in self._model.graph.node
            if node.op_type in OPERATORS and node.name not in self.kept
        ]
        if not self.activations:
            raise EdgeError(f"{float_file.name} has no operator that could be int8")

    def observe(self, images: NDArray[np.uint8], batch: int = 16) -> dict[str, Histogram]:
        """Return the histogram of every activation that becomes int8, by tensor name."""
        import onnx
        import onnxruntime

        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        known = {output.name for output in model.graph.output}
        for name in self.activations:
            if name not in known:
                model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

        def batches() -> Iterator[dict[str, NDArray[np.float32]]]:
            for start in range(0, len(images), batch):
                values = session.run(self.activations, {"image": images[start : start + batch]})
                yield dict(zip(self.activations, values, strict=True))

        return histograms(batches)

    def write(
        self, path: Path, ranges: dict[str, Range], config: Config, float_layers: Sequence[str] = (), bits: int = 7
    ) -> bool:
        """Write the int8 file; return whether every processor computes the same integers with it.

        Args:
            path: the file to write.
            ranges: of every activation, from :meth:`observe`.
            config: of the bundle, for the metadata.
            float_layers: convolutions that stay float, by the names of their modules.
            bits: of the weights; 8 is for files that will only ever meet VNNI or ARM.

        Raises:
            RuntimeError: a weight came out wider than its bits, or no weight became int8.
        """
        with quiet():
            import onnx
            from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

            overrides: dict[str, Any] = {name: [_ends(*ends)] for name, ends in ranges.items()}
            pixels = _pixels(self._model.graph)
            if pixels is not None:
                overrides[pixels.output[0]] = [_ends(0, 255)]
            quantize_static(
                str(self.path),
                str(path),
                _OneImage(self._size()),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(OPERATORS),
                nodes_to_exclude=[*self.kept, *_layers(self._model.graph, float_layers)],
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=bits == 7,
                calibrate_method=CalibrationMethod.MinMax,  # of one black image: every range is given above
                extra_options={"TensorQuantOverrides": overrides},
            )
            model = onnx.load(str(path))
            _drop_cast(model.graph)
            settle_sums(model)
            describe(model, config, quantization=f"static QDQ, uint8 activations, {bits}-bit int8 weights per channel")
            onnx.checker.check_model(model)
            onnx.save(model, str(path))
        widest = widest_weight(path)
        if not 0 < widest <= (LIMIT if bits == 7 else 127):
            raise RuntimeError(f"weights reach {widest}; beyond {LIMIT} processors without VNNI compute wrong values")
        rounded = {node.op_type for node in self._model.graph.node if node.name not in self.kept}
        proven = rounded - {"Pad", "Transpose", "Cast"} <= _PROVEN
        return proven and pixels is not None and not float_layers and bits == 7 and not unsettled_sums(model)

    def _size(self) -> int:
        return int(self._model.graph.input[0].type.tensor_type.shape.dim[1].dim_value)


def widest_weight(path: Path) -> int:
    """Largest absolute int8 weight in an ONNX file, 0 when it holds none. At most 64: no processor saturates."""
    import onnx

    model = onnx.load(str(path))
    tensors = [onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    # Zero points are int8 too, single numbers or one a channel; weights have two axes and more.
    return max((int(np.abs(tensor.astype(np.int16)).max()) for tensor in tensors if tensor.ndim > 1), default=0)


def _kept_in_float(graph: Any) -> list[str]:
    """Names of the nodes that stay float.

    The two linear heads, what comes behind the last convolution or linear layer of the backbone, and what comes before
    the first one (a normalisation of somebody else's).
    """
    producer = {output: node for node in graph.node for output in node.output}
    users = _users(graph)
    heads = {_head(producer, output.name) for output in graph.output} - {None}
    inner = [node for node in graph.node if node.op_type in WEIGHTED and node.name not in heads]
    leads_on: set[str] = set()
    for node in reversed(graph.node):
        following = [user for output in node.output for user in users.get(output, [])]
        if any(user.name in leads_on or any(user is layer for layer in inner) for user in following):
            leads_on.add(node.name)
    comes_after: set[str] = {node.name for node in inner}
    for node in graph.node:
        if any(producer[name].name in comes_after for name in node.input if name in producer):
            comes_after.add(node.name)
    kept = []
    for node in graph.node:
        weighted = any(node is layer for layer in inner)
        source = producer.get(node.input[0]) if node.input else None
        follows = node.op_type in _FUSED and source is not None and any(source is layer for layer in inner)
        if not weighted and not follows and (node.name not in leads_on or node.name not in comes_after):
            kept.append(node.name)
    return kept


def _users(graph: Any) -> dict[str, list[Any]]:
    """The nodes that take each tensor."""
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def _head(producer: dict[str, Any], output: str) -> str | None:
    """Name of the linear layer that gives an output, through activations and reshapes alone."""
    node = producer.get(output)
    while node is not None and node.op_type in (
        "Tanh",
        "Softmax",
        "Log",
        "Identity",
        "Reshape",
        "Squeeze",
        "Slice",
        "Add",
    ):
        node = producer.get(node.input[0])
    return str(node.name) if node is not None and node.op_type in ("Gemm", "MatMul") else None


def _layers(graph: Any, names: Sequence[str]) -> list[str]:
    """Nodes of the named convolutions, with the activations that are fused into them."""
    users = _users(graph)
    found = []
    for name in names:
        nodes = [n for n in graph.node if n.op_type == "Conv" and n.input[1].endswith(f"backbone.{name}.weight")]
        if len(nodes) != 1:
            raise RuntimeError(f"no convolution {name} in the ONNX graph")
        found.append(nodes[0].name)
        found += [user.name for user in users.get(nodes[0].output[0], []) if user.op_type in _FUSED]
    return found


def _pixels(graph: Any) -> Any | None:
    """The node that turns bytes into float right before a convolution; None where there is arithmetic in between."""
    users = _users(graph)
    for node in graph.node:
        if node.op_type == "Cast" and [user.op_type for user in users.get(node.output[0], [])] == ["Conv"]:
            return node
    return None


def _drop_cast(graph: Any) -> None:
    """Bytes that were cast to float and rounded back with a scale of 1 are those bytes: connect them directly."""
    from onnx import numpy_helper

    producer = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for rounding in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        cast = producer.get(rounding.input[0])
        scale, zero = (numpy_helper.to_array(constants[name]) for name in rounding.input[1:3])
        if cast is None or cast.op_type != "Cast" or (float(scale), int(zero)) != (1.0, 0):
            continue
        for node in graph.node:
            for place, name in enumerate(node.input):
                if name == rounding.output[0]:
                    node.input[place] = cast.input[0]
        graph.node.remove(rounding)
        graph.node.remove(cast)


def _ends(low: float, high: float) -> dict[str, Any]:
    return {"rmin": np.float32(low), "rmax": np.float32(high)}


class _OneImage:
    """ONNX Runtime's quantizer insists on seeing data, though all ranges are given."""

    def __init__(self, size: int) -> None:
        self._left = [{"image": np.zeros((1, size, size, 3), np.uint8)}]

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return self._left.pop() if self._left else None
