"""Run ``.h5`` files with Keras on TensorFlow, on the CPU."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.engines.loading import check_outputs
from edge.errors import EdgeError, NotInstalledError
from edge.quiet import quiet

_OUTPUTS = ("logits", "valence_arousal")
_MISSING = (
    "this needs Keras on TensorFlow, which is not installed: pip install 'emot-edge[quantize]', or use other formats"
)


def import_keras() -> Any:
    """Import Keras on TensorFlow, on the CPU, without its banners.

    Raises:
        EdgeError: TensorFlow is not installed, or Keras was told to use another backend.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with quiet():
        try:
            import keras
            import tensorflow
        except ModuleNotFoundError as error:
            raise NotInstalledError(_MISSING) from error
        tensorflow.config.set_visible_devices([], "GPU")  # TensorFlow would take all of its memory
    if keras.backend.backend() != "tensorflow":
        raise EdgeError(f"Keras runs on {keras.backend.backend()} here; unset KERAS_BACKEND or set it to tensorflow")
    return keras


class KerasEngine:
    """A network in Keras, loaded without custom objects, as any user would."""

    def __init__(self, path: Path, config: Config, device: str = "cpu", threads: int | None = None) -> None:
        """Load a file of a bundle; arguments and errors as in :func:`edge.engines.load_engine`."""
        if device != "cpu":
            raise EdgeError("Keras runs on the CPU here; use --device cpu, or an .onnx or .pth model for cuda")
        _refuse_code(path)
        keras = import_keras()
        if threads:
            _limit_threads(threads)
        try:
            with quiet():
                self._model: Any = keras.models.load_model(str(path), compile=False)
        except Exception as error:  # Keras and h5py raise whatever the damaged part leads to
            raise EdgeError(f"{path} is not a readable Keras file; export it again with edge-quantize") from error
        self.name = f"Keras {keras.__version__}"
        size = config.input.size
        inputs = [(str(tensor.dtype), tuple(tensor.shape)) for tensor in self._model.inputs]
        if inputs != [("uint8", (None, size, size, 3))]:
            raise EdgeError(f"{path} takes {inputs}, its config says uint8 [N, {size}, {size}, 3]")
        outputs = self._model.output
        if not isinstance(outputs, dict) or not set(_OUTPUTS) <= set(outputs):
            raise EdgeError(f"{path} names no outputs logits and valence_arousal, as a bundle's model does")
        check_outputs(path, config, [tuple(outputs[name].shape) for name in _OUTPUTS])

    def run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and valence/arousal; see :class:`edge.engines.Engine`."""
        outputs = self._model(images, training=False)
        logits, affect = (np.asarray(outputs[name]) for name in _OUTPUTS)
        return logits, affect

    def close(self) -> None:
        """Release the model."""
        self._model = None


def _limit_threads(threads: int) -> None:
    import tensorflow

    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise EdgeError("TensorFlow has started with other threads; start a new process for another number") from error


def _refuse_code(path: Path) -> None:
    """Refuse a file that names anything but Keras's own layers: a Lambda holds bytecode, a module is imported.

    Keras before 3.11.3 loads both from an ``.h5`` file whatever its ``safe_mode`` says (CVE-2025-9905).
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise NotInstalledError(_MISSING) from error
    try:
        with h5py.File(path) as file:
            layers = json.loads(file.attrs["model_config"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise EdgeError(f"{path} is not a readable Keras file; export it again with edge-quantize") from error
    if _carries_code(layers):
        raise EdgeError(f"{path}: refused, it holds more than Keras's own layers; a bundle's model does not")


def _carries_code(part: Any) -> bool:
    if isinstance(part, dict):
        foreign = str(part.get("module") or "keras").partition(".")[0] != "keras"
        return foreign or part.get("class_name") in ("Lambda", "__lambda__") or any(map(_carries_code, part.values()))
    return isinstance(part, list) and any(map(_carries_code, part))
