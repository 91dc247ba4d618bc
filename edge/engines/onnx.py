"""Run ``.onnx`` files with ONNX Runtime. Its telemetry is switched off before anything else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.engines.loading import check_outputs
from edge.errors import EdgeError, NotInstalledError

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
try:
    import onnxruntime
except ModuleNotFoundError as _missing:
    raise NotInstalledError(
        "this model file needs ONNX Runtime, which is not installed: pip install 'emot-edge[onnx]', or use the .tflite "
        "file of the bundle"
    ) from _missing
onnxruntime.disable_telemetry_events()

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxEngine:
    """A network in ONNX Runtime."""

    def __init__(self, path: Path, config: Config, device: str = "cpu", threads: int | None = None) -> None:
        """Load a file of a bundle; arguments and errors as in :func:`edge.engines.load_engine`."""
        provider = _PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise EdgeError("--device cuda: this ONNX Runtime has no CUDA provider; install onnxruntime-gpu or use cpu")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # x86 without VNNI adds int8 products in a saturating 16-bit register unless told not to. Bundles of this
        # project avoid it in the file; this keeps other people's int8 files right too.
        options.add_session_config_entry("session.x64quantprecision", "1")
        if threads:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # ONNX Runtime's exceptions share no public base class
            raise EdgeError(f"{path} is not a readable ONNX model; restore it ({str(error)[:120]})") from error
        if provider not in self._session.get_providers():
            raise EdgeError("--device cuda: ONNX Runtime could not start its CUDA provider; use --device cpu")
        self.name = f"ONNX Runtime {onnxruntime.__version__} ({device})"
        size = config.input.size
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or inputs[0].shape[1:] != [size, size, 3]:
            found = [(i.type, i.shape) for i in inputs]
            raise EdgeError(f"{path} takes {found}, its config says uint8 [N, {size}, {size}, 3]")
        self._input = inputs[0].name
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        self._outputs = ["logits", "valence_arousal"]
        if not set(self._outputs) <= set(outputs):
            raise EdgeError(f"{path} has outputs {sorted(outputs)}, a bundle's model has logits and valence_arousal")
        check_outputs(path, config, [tuple(outputs[name]) for name in self._outputs])

    def run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and valence/arousal; see :class:`edge.engines.Engine`."""
        logits, affect = self._session.run(self._outputs, {self._input: images})
        return logits, affect

    def close(self) -> None:
        """Release the session."""
        del self._session
