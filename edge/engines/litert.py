"""Run ``.tflite`` files with LiteRT, or with tflite_runtime where that is what is installed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.engines.loading import check_outputs
from edge.errors import EdgeError, NotInstalledError
from edge.quiet import silent_stderr


def interpreter(
    path: Path, threads: int | None = None, content: bytes | None = None, shape: tuple[int, ...] | None = None
) -> tuple[Any, str]:
    """Return an interpreter for a model file, its tensors allocated, and the runtime's name and version.

    Args:
        path: the model file.
        threads: CPU threads; None: one. The networks here are so small that a second thread gains little and burns
            power while it waits for work: on a Xeon with two cores, the int8 default model takes 0.40 ms with two
            threads and 0.46 with one, a following window 0.37 and 0.35; only a full-range search gains, 1.8 ms
            instead of 2.9, for a quarter more processor time.
        content: run these bytes in place of the file's.
        shape: give the only input this shape.

    Raises:
        EdgeError: neither runtime is installed, or the file is no TFLite model.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter

        runtime = f"LiteRT {version('ai-edge-litert')}"
    except ModuleNotFoundError:
        try:
            from tflite_runtime.interpreter import Interpreter

            runtime = f"tflite_runtime {version('tflite-runtime')}"
        except ModuleNotFoundError as error:
            raise NotInstalledError(
                "no TFLite runtime is installed; install one with: pip install ai-edge-litert"
            ) from error
    try:
        with silent_stderr():  # it announces its CPU kernels there, which is no user's business
            given = {"model_path": str(path)} if content is None else {"model_content": content}
            loaded = Interpreter(**given, num_threads=threads or 1)
            if shape is not None:
                loaded.resize_tensor_input(loaded.get_input_details()[0]["index"], shape)
            loaded.allocate_tensors()
        return loaded, runtime
    except (ValueError, RuntimeError) as error:
        raise EdgeError(f"{path} is not a readable TFLite model; restore it") from error


class LiteRTEngine:
    """A network in LiteRT, on the CPU.

    Files whose very input and outputs are integers (for accelerators) take and give the same here: bytes and float32.
    """

    def __init__(self, path: Path, config: Config, device: str = "cpu", threads: int | None = None) -> None:
        """Load a file of a bundle; arguments and errors as in :func:`edge.engines.load_engine`."""
        if device != "cpu":
            raise EdgeError("LiteRT runs on the CPU here; use --device cpu, or an .onnx or .pth model for cuda")
        self._interpreter, self.name = interpreter(path, threads)
        inputs = self._interpreter.get_input_details()
        size = config.input.size
        fitting = len(inputs) == 1 and inputs[0]["dtype"] in (np.uint8, np.int8)
        if not fitting or list(inputs[0]["shape"][1:]) != [size, size, 3]:
            found = [(i["dtype"].__name__, i["shape"].tolist()) for i in inputs]
            raise EdgeError(f"{path} takes {found}, its config says uint8 [N, {size}, {size}, 3]")
        self._input = inputs[0]["index"]
        self._signed = _is_signed(path, inputs[0])
        outputs = self._interpreter.get_output_details()
        # Converters rename and reorder outputs; the two heads differ in width unless a model has just two labels.
        ordered = sorted(outputs, key=lambda o: ("valence" in o["name"], o["shape"][-1] == 2, o["name"]))
        check_outputs(path, config, [tuple(o["shape"]) for o in ordered])
        self._outputs = [(o["index"], _quantization(path, o)) for o in ordered]
        self._batch = 0

    def run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and valence/arousal; see :class:`edge.engines.Engine`."""
        if len(images) != self._batch:
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._batch = len(images)
        # Byte less 128 is the byte with its highest bit turned over.
        self._interpreter.set_tensor(self._input, (images ^ 0x80).view(np.int8) if self._signed else images)
        self._interpreter.invoke()
        logits, affect = (self._read(index, quantization) for index, quantization in self._outputs)
        return logits, affect

    def _read(self, index: int, quantization: tuple[float, int] | None) -> NDArray[np.float32]:
        values: NDArray[Any] = self._interpreter.get_tensor(index)
        if quantization is None:
            return np.array(values)
        scale, zero = quantization
        return (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)

    def close(self) -> None:
        """Release the interpreter."""
        self._interpreter = None


def _is_signed(path: Path, detail: dict[str, Any]) -> bool:
    """Whether a file takes bytes less 128.

    Raises:
        EdgeError: a step of its input is something else than one step of brightness.
    """
    scale, zero = detail["quantization"]
    signed = bool(detail["dtype"] == np.int8)
    plain = scale == 0 and not signed
    if not plain and (abs(scale - 1) > 1e-6 or zero != (-128 if signed else 0)):
        raise EdgeError(
            f"{path} takes {detail['dtype'].__name__} in steps of {scale:.6g} from {zero}, not bytes 0..255 "
            f"(steps of 1 from {-128 if signed else 0}); calibrate its input on 0..255, or "
            "export it again with edge-quantize"
        )
    return signed


def _quantization(path: Path, detail: dict[str, Any]) -> tuple[float, int] | None:
    """Scale and zero point of an output; None where it is float32.

    Raises:
        EdgeError: neither.
    """
    if detail["dtype"] == np.float32:
        return None
    scale, zero = detail["quantization"]
    if detail["dtype"] not in (np.int8, np.uint8, np.int16) or not scale > 0:
        kind = detail["dtype"].__name__
        raise EdgeError(f"{path} gives {detail['name']} as {kind} without a scale; export it again with edge-quantize")
    return float(scale), int(zero)
