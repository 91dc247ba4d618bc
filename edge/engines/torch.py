"""Run ``.pth`` checkpoints and TorchScript ``.pt`` files where torch is installed."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.errors import EdgeError, NotInstalledError

try:
    import torch
except ModuleNotFoundError as _missing:
    raise NotInstalledError(
        "this model file needs PyTorch, which is not installed: pip install 'emot-edge[train]', or use the .tflite or "
        ".onnx file of the bundle"
    ) from _missing


class TorchEngine:
    """A network in PyTorch, eager or scripted."""

    def __init__(self, path: Path, config: Config, device: str = "cpu", threads: int | None = None) -> None:
        """Load a file of a bundle.

        Args:
            path: ``model_weights.pth`` or ``model.pt``.
            config: the bundle's config.
            device: ``"cpu"`` or ``"cuda"``.
            threads: CPU threads; None leaves PyTorch's choice.

        Raises:
            EdgeError: CUDA is asked for and not there, or the file is not what the config describes.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise EdgeError("--device cuda: this PyTorch sees no CUDA device; use --device cpu")
        if threads:
            torch.set_num_threads(threads)
        self.name = f"torch {torch.__version__} ({device})"
        self._device = torch.device(device)
        model: Any = load_network(path, config) if path.suffix == ".pth" else _load_script(path, self._device)
        self._model = model.to(self._device).eval()

    def run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits ``[N, C]`` and valence/arousal ``[N, 2]`` of uint8 images ``[N, H, W, 3]``, RGB."""
        with torch.inference_mode():
            logits, affect = self._model(torch.from_numpy(images).to(self._device))
        return logits.float().cpu().numpy(), affect.float().cpu().numpy()

    def close(self) -> None:
        """Nothing to release."""


def load_network(path: Path, config: Config) -> Any:
    """Return the :class:`~edge.engines.network.EmotionNetwork` of a checkpoint, float32, in evaluation mode.

    Only tensors are read (``weights_only=True``): a checkpoint that carries code is refused.

    Raises:
        EdgeError: not a checkpoint, carries code, or its tensors do not fit the architecture of the config.
    """
    from edge.engines.network import EmotionNetwork, NetworkSpec

    spec = NetworkSpec(config.architecture, len(config.labels), config.input.color, config.input.mean, config.input.std)
    network = EmotionNetwork(spec)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the pickle's protocol; what matters is raised
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise EdgeError(f"{path}: refused, it holds more than tensors; save it as a plain state dict") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise EdgeError(f"{path} is not a readable PyTorch checkpoint; restore it") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise EdgeError(f"{path} is not a state dict of tensors; save one with torch.save(network.state_dict(), ...)")
    try:
        network.load_state_dict({name: _full(value) for name, value in state.items()})
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise EdgeError(
            f"{path} does not fit its config ({config.architecture}, {len(config.labels)} labels): {detail[:160]}"
        ) from error
    return network.eval()


def _full(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.is_floating_point() else value


def _load_script(path: Path, device: torch.device) -> Any:
    try:
        return torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise EdgeError(f"{path} is not a readable TorchScript file; export it again with edge-quantize") from error
