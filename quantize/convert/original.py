"""Somebody's ONNX file as it is: what it takes, what it gives, and what it says about real faces."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.quiet import quiet
from quantize.convert.facts import Facts
from quantize.convert.normalisation import PRESETS, Normalisation, prepare

Layout = Literal["nchw", "nhwc"]


@dataclasses.dataclass(frozen=True)
class Taken:
    """The picture input of an ONNX model.

    Attributes:
        name: of the input.
        layout: order of its dimensions.
        channels: 3, or 1 for gray.
        size: side, pixels.
        batch: its fixed batch size; None where it is free.
        pixels: it takes uint8, so that its normalisation is inside already.
    """

    name: str
    layout: Layout
    channels: int
    size: int
    batch: int | None
    pixels: bool


def read_model(path: Path) -> Any:
    """Return the ``onnx.ModelProto`` of a float model.

    Raises:
        EdgeError: missing, no ONNX file, or quantized already.
    """
    import onnx

    if not path.is_file():
        raise EdgeError(f"{path} is missing; check the path")
    try:
        with quiet():
            model = onnx.load(str(path))
            onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own types, by version
        raise EdgeError(f"{path} is not a readable ONNX model; export it again") from error
    kinds = {node.op_type for node in model.graph.node}
    if any(kind.startswith(("QLinear", "QuantizeLinear", "DequantizeLinear")) for kind in kinds):
        raise EdgeError(f"{path} is quantized already; convert the float model, and let edge-quantize make int8 of it")
    return model


def taken(model: Any, path: Path, layout: str | None, size: int | None) -> Taken:
    """Read what the model's one input is.

    Args:
        model: from :func:`read_model`.
        path: for messages.
        layout: what the user says; None: what the shape shows.
        size: what the user says; None: what the shape shows.

    Raises:
        EdgeError: no picture input, an odd type or shape, or one that leaves open what was not said.
    """
    import onnx

    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs)
        raise EdgeError(f"{path} takes {len(inputs)} inputs ({names}); a bundle's model takes one picture")
    entry = inputs[0]
    tensor = entry.type.tensor_type
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    shape: list[int | None] = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    if kind not in ("float", "uint8"):
        raise EdgeError(f"{path} takes {kind}; export it with a float32 (or uint8) input")
    if len(shape) != 4:
        raise EdgeError(f"{path} takes {_shown(shape)}, which is no batch of pictures (four dimensions)")
    order = _layout(path, shape, layout)
    channels = shape[1 if order == "nchw" else 3] or 3
    if channels not in (1, 3):
        raise EdgeError(f"{path} takes {_shown(shape)}: {channels} channels as {order}; say the order with --layout")
    if kind == "uint8" and channels == 1:
        raise EdgeError(f"{path} takes gray uint8 pictures; export it with a float32 input")
    sides = shape[2:] if order == "nchw" else shape[1:3]
    return Taken(entry.name, order, channels, _size(path, sides, size), shape[0] or None, kind == "uint8")


def _layout(path: Path, shape: list[int | None], said: str | None) -> Layout:
    if said is not None and said not in ("nchw", "nhwc"):
        raise EdgeError(f"--layout {said}: use nchw (channels first, PyTorch) or nhwc (channels last, TensorFlow)")
    fits = {"nchw": shape[1], "nhwc": shape[3]}
    possible = [order for order, channels in fits.items() if channels in (1, 3)]
    if said in ("nchw", "nhwc"):
        return said  # type: ignore[return-value]  # narrowed above
    if len(possible) == 1:
        return possible[0]  # type: ignore[return-value]
    raise EdgeError(
        f"{path} takes {_shown(shape)}, which leaves open where the channels are; give --layout nchw or nhwc"
    )


def _size(path: Path, sides: list[int | None], said: int | None) -> int:
    fixed = {side for side in sides if side}
    if len(fixed) > 1:
        raise EdgeError(f"{path} takes pictures of {' x '.join(map(str, sides))}; a bundle's model takes squares")
    if not fixed and said is None:
        raise EdgeError(
            f"--size is missing: {path} takes pictures of any size; give the side in pixels of those it was taught on, "
            "since at another size it is less accurate"
        )
    size = fixed.pop() if fixed else said
    if size is None or (said is not None and said != size):
        raise EdgeError(f"--size {said}: {path} takes {size} px; leave it out")
    return size


def _shown(shape: list[int | None]) -> str:
    return "[" + ", ".join("?" if side is None else str(side) for side in shape) + "]"


def need_normalisation(how: Normalisation | None, given: Taken, path: Path) -> Normalisation:
    """Return the normalisation that goes in front of the model.

    Raises:
        EdgeError: a float input and nothing said, or a uint8 input and something said.
    """
    if given.pixels:
        if how is not None:
            raise EdgeError(
                f"{path} takes uint8: its normalisation is inside; leave out --normalisation, --mean, --std"
            )
        return Normalisation((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
    if how is None:
        raise EdgeError(
            f"--normalisation is missing: {path} takes float, and the file does not say how pixels become it; a wrong "
            f"way runs and costs accuracy. Give {', '.join(PRESETS)} (raw: 0..255 as they are), or --mean and --std"
        )
    return how


def answers(
    path: Path, images: NDArray[np.uint8], given: Taken, how: Normalisation, facts: Facts
) -> dict[str, NDArray[Any]]:
    """Run the original in ONNX Runtime as its owner would: normalised in numpy, in its own layout and batch size.

    Args:
        path: the original file.
        images: uint8 ``[N, S, S, 3]``, RGB.
        given: its input.
        how: its normalisation.
        facts: whether its channels are BGR or gray.

    Returns:
        Each output by name, ``[N, ...]``.

    Raises:
        EdgeError: ONNX Runtime can't load or run it, or it gives nothing a picture.
    """
    # As the engine imports it: with its telemetry switched off.
    onnxruntime: Any = importlib.import_module("edge.engines.onnx").onnxruntime
    x: NDArray[Any] = images[..., ::-1] if given.pixels and facts.bgr else images
    if not given.pixels:
        gray = facts.gray or given.channels == 1
        x = prepare(images, how, gray=gray, bgr=facts.bgr, channels=given.channels)
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2) if given.layout == "nchw" else x)
    step = given.batch or 1
    parts: list[list[Any]] = []
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        for start, end in itertools.pairwise(range(0, len(x) + 1, step)):
            parts.append(session.run(names, {given.name: x[start:end]}))
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        reason = " ".join(str(error).split())[:160]
        raise EdgeError(f"{path} does not run in ONNX Runtime at {given.size} px: {reason}") from error
    outputs = {}
    for name, values in zip(names, zip(*parts, strict=True), strict=True):
        if all(isinstance(value, np.ndarray) and value.ndim > 0 and len(value) == step for value in values):
            outputs[name] = np.concatenate(values)
    return outputs


def widths(outputs: Mapping[str, NDArray[Any]]) -> str:
    """Return ``"name (8), other (2)"``: numbers a picture by output, for messages."""
    return ", ".join(f"{name} ({int(np.prod(value.shape[1:]))})" for name, value in outputs.items()) or "nothing"
