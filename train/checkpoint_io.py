"""How a run's own checkpoints (``last.ckpt``, ``best.ckpt``) reach the disk and come back."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
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
            try:
                torch.save(checkpoint, temporary)
            except RuntimeError as error:  # torch's writer has no other word for a full disk
                earlier = Path(path).with_name("last.ckpt").is_file()
                remedy = "go on with --resume: the checkpoint before it is unchanged" if earlier else "start again"
                raise EdgeError(
                    f"cannot write {path} ({_free(Path(path))} MB are free); make room and {remedy}"
                ) from error


class KeptCheckpoint(ModelCheckpoint):
    """One file that is replaced in place, and that keeps its best score when the run's folder was moved."""

    def __init__(self, folder: Path, filename: str, monitor: str | None = None) -> None:
        super().__init__(folder, filename=filename, monitor=monitor, mode="max", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "dirpath": self.dirpath})
        kept = Path(str(self.dirpath)) / f"{self.filename}.ckpt"
        if self.monitor is None or not kept.is_file():
            return
        # A run that goes on from an earlier checkpoint must not replace a file that is better than anything it knew.
        score = read_checkpoint(kept)["callbacks"][self.state_key]["best_model_score"]
        if self.best_model_score is None or score > self.best_model_score:
            self.best_model_score = self.kth_value = score
            self.best_model_path = self.kth_best_model_path = str(kept)
            self.best_k_models = {str(kept): score}


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


@dataclasses.dataclass(frozen=True)
class Progressed:
    """How far a checkpoint's run had come: whole epochs, and steps of the next one."""

    epochs: int
    steps: int


def progressed(path: Path) -> Progressed:
    """Return where a run that resumes from this checkpoint goes on.

    Raises:
        EdgeError: as :func:`read_checkpoint`.
    """
    content = read_checkpoint(path)
    try:
        loops = content["loops"]["fit_loop"]
        epochs: int = loops["epoch_progress"]["current"]["processed"]
        steps: int = loops["epoch_loop.batch_progress"]["current"]["processed"]
    except (KeyError, TypeError) as error:
        raise EdgeError(f"{path} holds weights, but not how far a run had come; resume from another one") from error
    return Progressed(epochs, 0 if epochs > content["epoch"] else steps)


def remove_leftovers(folder: Path) -> None:
    """Remove what a kill in the middle of :meth:`AtomicCheckpointIO.save_checkpoint` left behind."""
    for path in (*folder.glob(".last.*.ckpt"), *folder.glob(".best.*.ckpt"), *folder.glob(".epoch-*.ckpt")):
        path.unlink(missing_ok=True)


def _free(path: Path) -> int:
    return shutil.disk_usage(path.parent).free // 1_000_000
