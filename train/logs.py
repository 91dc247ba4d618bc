"""The figures of a run on disk: ``metrics.csv``, one row an epoch, and event files for TensorBoard."""

from __future__ import annotations

import csv
import io
import sys
import types
from pathlib import Path
from typing import Any

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning
from edge.errors import EdgeError
from edge.files import write_atomically

# isort: split
import lightning

from train.pace import Pace

#: Steps between two points of the curves that have one point a step.
EVERY = 10


class Logs(lightning.Callback):
    """Writes the table and the curves; a run that goes on goes on in both, each epoch and step in them once.

    Lightning's own CSV logger deletes the rows of the earlier part when a run is resumed; this one keeps them.
    """

    def __init__(self, folder: Path, pace: Pace) -> None:
        self._table = folder / "metrics.csv"
        self._events = folder / "tensorboard"
        self._pace = pace
        self._writer: Any = None
        self._rate = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.is_global_zero:
            return
        try:
            # Where TensorFlow is installed, TensorBoard would load it to write a file: seconds, and a page of messages.
            sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            print("no curves for TensorBoard: it is not installed (pip install tensorboard)", flush=True)
            return
        try:
            # What a killed run wrote after its last checkpoint will come again; TensorBoard is told to forget it.
            self._writer = SummaryWriter(str(self._events), purge_step=trainer.global_step + 1)
        except OSError as error:
            raise EdgeError(f"cannot write {self._events}: {error.strerror}; choose another --out") from error

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])  # at the step's end it is the next one's

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._writer is not None and trainer.global_step % EVERY == 0:
            points = {
                "step/loss": float(outputs["step_loss"]),
                "step/lr": self._rate,
                "step/images_per_second": self._pace.now,
            }
            self._add(trainer, points)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.is_global_zero:
            return
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._add(trainer, {**measured, "epoch/images_per_second": self._pace.throughput})
        if self._writer is not None:
            self._flush()
        names = sorted(measured, key=lambda name: (not name.startswith("train/"), not name.startswith("val/")))
        row = {
            "epoch": trainer.current_epoch + 1,
            **{name.replace("/", "_"): measured[name] for name in names},
            "lr": self._rate,
            "images_per_second": self._pace.throughput,
            "seconds": self._pace.seconds,
        }
        self._write(row)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _add(self, trainer: Any, points: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in points.items():
                self._writer.add_scalar(name, value, trainer.global_step)

    def _flush(self) -> None:
        try:
            self._writer.flush()
        except OSError as error:
            raise EdgeError(f"cannot write {self._events}: {error.strerror}; go on with --resume") from error

    def _write(self, row: dict[str, Any]) -> None:
        """Add one epoch; rows of this and later epochs (of a run that was killed between two files) give way."""
        earlier: list[dict[str, Any]] = []
        if self._table.is_file():
            with self._table.open(newline="", encoding="utf-8") as file:
                earlier = [old for old in csv.DictReader(file) if int(old["epoch"]) < row["epoch"]]
        columns = [*row, *(name for name in (earlier[-1] if earlier else {}) if name not in row)]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*earlier, {key: f"{v:.9g}" if isinstance(v, float) else v for key, v in row.items()}])
        write_atomically(self._table, text.getvalue().encode())
