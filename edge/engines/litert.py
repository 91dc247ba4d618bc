"""Run ``.tflite`` files with LiteRT, or with tflite_runtime where that is what is installed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.engines.loading import check_outputs
from edge.errors import EdgeError
from edge.quiet import silent_stderr


def interpreter(path: Path, threads: int | None = None) -> tuple[Any, str]:
    """Return an interpreter for a model file, its tensors allocated, and the runtime's name and version.

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
            raise EdgeError("no TFLite runtime is installed; install one with: pip install ai-edge-litert") from error
    try:
        with silent_stderr():  # it announces its CPU kernels there, which is no user's business
            loaded = Interpreter(model_path=str(path), num_threads=threads)
            loaded.allocate_tensors()
        return loaded, runtime
    except (ValueError, RuntimeError) as error:
        raise EdgeError(f"{path} is not a readable TFLite model; restore it") from error


class LiteRTEngine:
    """A network in LiteRT, on the CPU."""

    def __init__(self, path: Path, config: Config, device: str = "cpu", threads: int | None = None) -> None:
        """Load a file of a bundle; arguments and errors as in :func:`edge.engines.load_engine`."""
        if device != "cpu":
            raise EdgeError("LiteRT runs on the CPU here; use --device cpu, or an .onnx or .pth model for cuda")
        self._interpreter, self.name = interpreter(path, threads)
        inputs = self._interpreter.get_input_details()
        size = config.input.size
        if len(inputs) != 1 or inputs[0]["dtype"] != np.uint8 or list(inputs[0]["shape"][1:]) != [size, size, 3]:
            found = [(i["dtype"].__name__, list(i["shape"])) for i in inputs]
            raise EdgeError(f"{path} takes {found}, its config says uint8 [N, {size}, {size}, 3]")
        self._input = inputs[0]["index"]
        outputs = self._interpreter.get_output_details()
        # Converters rename and reorder outputs; the two heads differ in width unless a model has just two labels.
        ordered = sorted(outputs, key=lambda o: ("valence" in o["name"], o["shape"][-1] == 2, o["name"]))
        check_outputs(path, config, [tuple(o["shape"]) for o in ordered])
        self._outputs = [o["index"] for o in ordered]
        self._batch = 0

    def run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and valence/arousal; see :class:`edge.engines.Engine`."""
        if len(images) != self._batch:
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._batch = len(images)
        self._interpreter.set_tensor(self._input, images)
        self._interpreter.invoke()
        logits, affect = (np.array(self._interpreter.get_tensor(index)) for index in self._outputs)
        return logits, affect

    def close(self) -> None:
        """Release the interpreter."""
        self._interpreter = None
