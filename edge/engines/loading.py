"""Pick and start the engine for a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError

#: File extensions that can be run, and the runtime that runs them.
RUNTIMES = {".tflite": "LiteRT", ".onnx": "ONNX Runtime", ".pth": "PyTorch", ".pt": "PyTorch", ".h5": "Keras"}


class Engine(Protocol):
    """A loaded network.

    Attributes:
        name: runtime and version, for reports.
    """

    name: str

    def run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits ``[N, C]`` and valence/arousal ``[N, 2]`` of uint8 images ``[N, S, S, 3]``, RGB, 0..255."""

    def close(self) -> None:
        """Release the runtime's memory."""


def load_engine(path: Path, config: Config, device: str = "cpu", threads: int | None = None) -> Engine:
    """Load a model file with the runtime its extension names.

    Args:
        path: a file of a bundle; its hash is the caller's to check (:meth:`edge.bundle.Bundle.path`).
        config: the bundle's config.
        device: ``"cpu"`` or ``"cuda"``; what is asked for and not there is an error.
        threads: CPU threads; None leaves the runtime's choice.

    Raises:
        NotInstalledError: the runtime for this extension is not installed.
        EdgeError: no runtime for this extension, a damaged file, or one that breaks the contract.
    """
    if device not in ("cpu", "cuda"):
        raise EdgeError(f"unknown device {device!r}; use cpu or cuda")
    match path.suffix:
        case ".tflite":
            from edge.engines.litert import LiteRTEngine

            return LiteRTEngine(path, config, device, threads)
        case ".onnx":
            from edge.engines.onnx import OnnxEngine

            return OnnxEngine(path, config, device, threads)
        case ".pth" | ".pt":
            from edge.engines.torch import TorchEngine

            return TorchEngine(path, config, device, threads)
        case ".h5":
            from edge.engines.keras import KerasEngine

            return KerasEngine(path, config, device, threads)
        case suffix:
            raise EdgeError(f"{path}: no engine runs {suffix or 'such'} files; use one of {', '.join(RUNTIMES)}")


def check_outputs(path: Path, config: Config, shapes: list[tuple[int, ...]]) -> None:
    """Hold the last dimensions of ``logits`` and ``valence_arousal`` to the config.

    Raises:
        EdgeError: the file gives another number of classes, or is no two-head network.
    """
    expected = [len(config.labels), 2]
    given = [shape[-1] if shape else 0 for shape in shapes]
    if given != expected:
        raise EdgeError(
            f"{path} gives outputs of width {given}, its config says {expected} "
            f"({len(config.labels)} labels, valence and arousal); config and file do not belong together"
        )
