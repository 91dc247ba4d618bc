"""What a person sees of a run: a bar while an epoch goes on, and one line when it ended."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
import lightning

from train.bars import Bar, terminal_bar
from train.pace import Pace

#: Seconds between two looks of the bar at the loss; each look waits for the step on a GPU.
_REFRESH = 0.2


class Progress(lightning.Callback):
    """A bar on a terminal, nothing but the lines in a log file; the first process alone writes."""

    def __init__(self, pace: Pace, images: int) -> None:
        """Show a run whose steps take so many images over all processes."""
        self._pace = pace
        self._images = images
        self._bar: Bar | None = None
        self._looked = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.is_global_zero and sys.stdout.isatty():
            self._bar = terminal_bar()
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        if 0 < done < trainer.num_training_batches:  # resumed in the middle: Lightning leaves out the epoch's start
            self._start(trainer, done)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self._pace.before = 0.0
        self._start(trainer, 0)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._pace.step(self._images)
        now = time.monotonic()
        if self._bar is None or now - self._looked < _REFRESH:
            return
        self._looked = now
        steps = trainer.num_training_batches - batch_idx - 1
        later = (trainer.max_epochs - trainer.current_epoch - 1) * trainer.num_training_batches
        self._bar.update(
            batch_idx + 1,
            f"loss {float(outputs['step_loss']):.4f}  {self._pace.now:.0f} img/s  "
            f"{_clock(self._pace.left_of_epoch(steps * self._images))} left, "
            f"run {_clock(self._pace.left_of_run(steps + later))}",
        )

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        if self._bar is not None:
            self._bar.start("validation", int(sum(trainer.num_val_batches)))

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self._bar is not None:
            self._bar.update(batch_idx + 1, "")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.is_global_zero:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        total = str(trainer.max_epochs)
        line = (
            f"epoch {trainer.current_epoch + 1:>{len(total)}}/{total}  train loss {metrics['train/loss']:.4f}  "
            f"val accuracy {100 * metrics['val/accuracy']:.2f} %  macro F1 {metrics['val/macro_f1']:.3f}  "
            f"{self._pace.seconds:.0f} s"
        )
        if self._bar is None:
            print(line, flush=True)
        else:
            self._bar.print(line)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self._pace.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._pace.before = state_dict["seconds"]

    def _start(self, trainer: Any, done: int) -> None:
        self._pace.start_epoch()
        if self._bar is not None:
            self._bar.start(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", trainer.num_training_batches, done
            )


def _clock(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


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
