"""What a person sees of a run: a bar while an epoch goes on, one line when it ended, and a table in the run folder."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning
from edge.files import write_atomically

# isort: split
from lightning.pytorch.callbacks import TQDMProgressBar

_TRAIN = ("train_loss", "train_emotion", "train_valence_arousal")
_VALIDATION = ("val_loss", "val_accuracy", "val_macro_f1")
COLUMNS = ("epoch", *_TRAIN, *_VALIDATION, "seconds")


class Progress(TQDMProgressBar):
    """Lightning's bar on a terminal, nothing but the lines in a log file; and ``metrics.csv``, one row an epoch.

    Lightning's own CSV logger deletes the rows of the earlier part when a run is resumed; this one keeps them.
    """

    def __init__(self, table: Path) -> None:
        super().__init__(refresh_rate=1 if sys.stdout.isatty() else 0)
        self._table = table
        self._started = 0.0

    def on_train_epoch_start(self, trainer: Any, *args: Any) -> None:
        self._started = time.monotonic()
        super().on_train_epoch_start(trainer, *args)
        self.train_progress_bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}")

    def init_train_tqdm(self) -> Any:
        """The bar of an epoch; it leaves no trace, its line does."""
        bar = super().init_train_tqdm()
        bar.leave = False
        return bar

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        super().on_validation_batch_start(*args, **kwargs)
        self.val_progress_bar.set_description("validation")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        measured = {name.replace("/", "_"): float(value) for name, value in trainer.callback_metrics.items()}
        row = {**measured, "epoch": trainer.current_epoch + 1, "seconds": time.monotonic() - self._started}
        self._write(row)
        total = str(trainer.max_epochs)
        line = (
            f"epoch {row['epoch']:>{len(total)}}/{total}  train loss {row['train_loss']:.4f}  "
            f"val accuracy {100 * row['val_accuracy']:.2f} %  macro F1 {row['val_macro_f1']:.3f}  "
            f"{row['seconds']:.0f} s"
        )
        if self.is_enabled:
            self.print(line)
        else:
            print(line, flush=True)

    def get_metrics(self, trainer: Any, pl_module: Any) -> dict[str, Any]:
        """What stands at the end of the bar."""
        return {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name == "loss"}

    def _write(self, row: dict[str, Any]) -> None:
        """Add one epoch; rows of this and later epochs (of a run that was killed between two files) give way."""
        earlier: list[dict[str, Any]] = []
        if self._table.is_file():
            with self._table.open(newline="", encoding="utf-8") as file:
                earlier = [old for old in csv.DictReader(file) if int(old["epoch"]) < row["epoch"]]
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*earlier, {key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()}])
        write_atomically(self._table, text.getvalue().encode())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's tips and the libraries' warnings, which no user of this command can act on, off the screen."""
    names = ("lightning", "lightning.pytorch", "lightning.fabric", "torch.distributed")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
