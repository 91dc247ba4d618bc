"""Somebody's ONNX graph between a head that takes pixels and a tail that gives a bundle's two outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from edge.errors import EdgeError
from edge.quiet import quiet
from quantize.convert.original import Taken
from quantize.convert.outputs import SMALLEST, Chosen

#: Below it, Clip and others take no tensors for their limits; such files are raised to :data:`OPSET`.
LOWEST_OPSET = 13
OPSET = 17
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in edge.engines.network
_INSIDE = "original/"


def raised(model: Any) -> Any:
    """Return the model in an opset that this module can extend: its own, or 17 where it is below 13.

    Raises:
        EdgeError: onnx can't convert it.
    """
    import onnx

    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
    if opset >= LOWEST_OPSET:
        return model
    try:
        with quiet():
            return onnx.version_converter.convert_version(model, OPSET)
    except Exception as error:  # a C++ exception, or none of its adapters
        raise EdgeError(
            f"it is of opset {opset} and can't be raised to {OPSET}; export it with opset {OPSET}"
        ) from error


def wrapped(
    model: Any,
    given: Taken,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    chosen: Chosen,
    *,
    gray: bool,
    bgr: bool,
    tanh: bool,
) -> Any:
    """Return a model that takes ``image`` and gives ``logits`` and ``valence_arousal``.

    Args:
        model: of opset 13 or later; it is not changed.
        given: its input.
        mean: a channel of the model, for pixels in 0..1.
        std: the same.
        chosen: its outputs.
        gray: colour becomes luma.
        bgr: its channels are blue, green, red.
        tanh: tanh goes over valence and arousal; else they are cut at -1 and 1.
    """
    import onnx

    model = onnx.compose.add_prefix(model, _INSIDE)
    graph = model.graph
    build = _Build(onnx)
    float_picture = [] if given.pixels else [build.normalised(given, mean, std, gray=gray, bgr=bgr)]
    picture = float_picture[0] if float_picture else build.pixels(given, bgr=bgr)
    build.node("Identity", [picture], _INSIDE + given.name)
    head, build.nodes = build.nodes, []
    count = len(chosen.labels)
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.output}
    emotion = build.rows(_INSIDE + chosen.emotion, ranks)
    both = emotion
    if chosen.affect == (chosen.emotion,):
        emotion = build.columns(both, 0, count)
    if chosen.logarithm:
        emotion = build.node("Log", [build.node("Clip", [emotion, build.number(SMALLEST)])])
    build.node("Identity", [emotion], "logits")
    if not chosen.affect:
        zeros = build.tensor(np.zeros((count, 2), np.float32))
        build.node("Gemm", ["logits", zeros], "valence_arousal")  # [N, 2] whatever N is
    else:
        if chosen.affect == (chosen.emotion,):
            affect = build.columns(both, count, count + 2)
        else:
            affect = build.joined([build.rows(_INSIDE + name, ranks) for name in chosen.affect])
        if tanh:
            build.node("Tanh", [affect], "valence_arousal")
        else:
            build.node("Clip", [affect, build.number(-1.0), build.number(1.0)], "valence_arousal")
    nodes = [*head, *graph.node, *build.nodes]
    constants = {tensor.name for tensor in graph.initializer}
    kinds = onnx.TensorProto
    values = (
        ("image", kinds.UINT8, ["batch", given.size, given.size, 3]),
        ("logits", kinds.FLOAT, ["batch", count]),
        ("valence_arousal", kinds.FLOAT, ["batch", 2]),
    )
    infos = [onnx.helper.make_tensor_value_info(*value) for value in values]
    _replace(graph.node, nodes)
    _replace(graph.input, [infos[0], *(value for value in graph.input if value.name in constants)])
    _replace(graph.output, infos[1:])
    _replace(graph.value_info, [])  # written for the old batch size
    graph.initializer.extend(build.constants)
    graph.name = "emotion"
    if given.batch is not None:
        _free_batch(onnx, graph, given.batch)
    model.ir_version = max(model.ir_version, 8)  # what belongs to opset 17; earlier ones list constants as inputs
    return model


def simplified(model: Any) -> Any:
    """Return the model as onnxsim leaves it, or as it was where onnxsim can't handle its operators."""
    try:
        with quiet():
            import onnxsim

            simple, same = onnxsim.simplify(model)
    except ModuleNotFoundError:
        raise
    except Exception:  # custom operators; the comparison with the original decides, not this
        return model
    return simple if same else model


def _free_batch(onnx: Any, graph: Any, batch: int) -> None:
    """Let shapes that name the batch size copy it from their input (0 in Reshape); a run shows if that is right."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    produced = {node.output[0]: node for node in graph.node if node.op_type == "Constant"}
    for node in graph.node:
        if node.op_type != "Reshape":
            continue
        source = constants.get(node.input[1])
        if source is None and node.input[1] in produced:
            attributes = [a for a in produced[node.input[1]].attribute if a.name == "value"]
            source = attributes[0].t if attributes else None
        if source is None:
            continue
        shape = onnx.numpy_helper.to_array(source).copy()
        if len(shape) > 1 and shape[0] == batch:
            shape[0] = 0
            name = f"emot/shape_{node.output[0]}"
            graph.initializer.append(onnx.numpy_helper.from_array(shape, name))
            node.input[1] = name


def _replace(field: Any, values: Iterable[Any]) -> None:
    kept = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(kept)


class _Build:
    """Collects nodes and constants under names of their own."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        name = output or self._name(kind.lower())
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], name=f"emot/{kind}_{name}", **attributes))
        return name

    def tensor(self, values: Any) -> str:
        name = self._name("constant")
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def number(self, value: float) -> str:
        return self.tensor(np.array(value, np.float32))

    def normalised(
        self, given: Taken, mean: tuple[float, ...], std: tuple[float, ...], *, gray: bool, bgr: bool
    ) -> str:
        """Pixels to the model's own input by one 1x1 convolution, as in this project's own networks."""
        mixing = np.zeros((given.channels, 3))
        for channel in range(given.channels):
            mixing[channel] = _LUMA if gray else np.eye(3)[2 - channel if bgr else channel]
        scale = np.array(std[: given.channels])
        weight = (mixing / (255 * scale[:, None]))[:, :, None, None].astype(np.float32)
        bias = (-np.array(mean[: given.channels]) / scale).astype(np.float32)
        values = self.node("Cast", ["image"], to=self.onnx.TensorProto.FLOAT)
        values = self.node("Transpose", [values], perm=[0, 3, 1, 2])
        values = self.node("Conv", [values, self.tensor(weight), self.tensor(bias)], kernel_shape=[1, 1])
        return values if given.layout == "nchw" else self.node("Transpose", [values], perm=[0, 2, 3, 1])

    def pixels(self, given: Taken, *, bgr: bool) -> str:
        """Pixels in the model's own order, still uint8."""
        values = "image"
        if bgr:
            values = self.node("Gather", [values, self.tensor(np.array([2, 1, 0], np.int64))], axis=3)
        return self.node("Transpose", [values], perm=[0, 3, 1, 2]) if given.layout == "nchw" else values

    def rows(self, name: str, ranks: dict[str, int]) -> str:
        """One row a picture."""
        if ranks.get(name) == 2:
            return name
        return self.node("Reshape", [name, self.tensor(np.array([0, -1], np.int64))])

    def columns(self, name: str, start: int, end: int) -> str:
        bounds = [self.tensor(np.array([value], np.int64)) for value in (start, end, 1)]
        return self.node("Slice", [name, *bounds])

    def joined(self, names: list[str]) -> str:
        return names[0] if len(names) == 1 else self.node("Concat", names, axis=1)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"emot/{kind}_{self._count}"
