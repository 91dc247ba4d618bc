"""How a run's own checkpoints (``last.ckpt``, ``best.ckpt``) reach the disk and come back."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning
from edge.errors import EdgeError
from edge.files import replacing

# isort: split
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the old checkpoint, flushes to disk, renames.

    Lightning writes into the system's temporary folder and moves the file: on another file system that is a copy, which
    a kill or a power cut leaves half done in place of the earlier checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        with replacing(Path(path)) as temporary:
            torch.save(checkpoint, temporary)


class KeptCheckpoint(ModelCheckpoint):
    """One file that is replaced in place, and that keeps its best score when the run's folder was moved."""

    def __init__(self, folder: Path, filename: str, monitor: str | None = None) -> None:
        super().__init__(folder, filename=filename, monitor=monitor, mode="max", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "dirpath": self.dirpath})


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a run's checkpoint; only tensors and plain values are read.

    Raises:
        EdgeError: missing, damaged, or it carries code.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if not {"epoch", "state_dict"} <= set(content):
            raise KeyError("epoch")
    except FileNotFoundError as error:
        raise EdgeError(f"{path} is missing; there is nothing to resume, run without --resume") from error
    except pickle.UnpicklingError as error:
        raise EdgeError(f"{path}: refused, it is damaged or no run wrote it; choose another --out") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise EdgeError(f"{path} is no readable checkpoint of a run; choose another --out and start again") from error
    return content


def remove_leftovers(folder: Path) -> None:
    """Remove what a kill in the middle of :meth:`AtomicCheckpointIO.save_checkpoint` left behind."""
    for path in (*folder.glob(".last.*.ckpt"), *folder.glob(".best.*.ckpt")):
        path.unlink(missing_ok=True)
