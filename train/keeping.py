"""When the state of a run is kept: at the end of each epoch, every few minutes, and when the run is told to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import torch

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping

#: What the processes agree on after a step; the largest wish of any of them wins. A signal is its own number.
NOTHING, KEEP, TIME_IS_UP = -2, -1, 0


class Stopped(Exception):  # noqa: N818 - no error
    """The run was told to stop, and ``last.ckpt`` holds all of it.

    Attributes:
        signal: number of the signal that asked for it; 0 where the time was up.
        where: how far the run came, in words.
    """

    def __init__(self, number: int, where: str) -> None:
        super().__init__(where)
        self.signal = number
        self.where = where


class Keeper(Checkpoint):
    """Writes ``last.ckpt``, and ``epoch-010.ckpt`` and so on where asked.

    A checkpoint in the middle of an epoch holds the number of steps done; random numbers and order follow from it
    (:mod:`train.shuffle`). The last step of an epoch is never kept: the epoch's end, with its validation, is near.
    """

    def __init__(self, folder: Path, every: int = 0, minutes: float = 0.0, limit: float = 0.0) -> None:
        """Keep into a folder.

        Args:
            folder: the run folder.
            every: keep one checkpoint for good each so many epochs; 0: none.
            minutes: time between checkpoints in the middle of an epoch; 0: none.
            limit: minutes after which the run stops; 0: never.
        """
        self.last = folder / "last.ckpt"
        self.signal = 0
        self._every = every
        self._pause = minutes * 60 or float("inf")
        self._limit = limit * 60 or float("inf")
        self._handlers: dict[int, Any] = {}
        self._began = self._kept = self._asked = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._began = self._kept = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._on_signal)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx + 1 >= trainer.num_training_batches:
            return
        wish = self._agreed(trainer)
        if wish == NOTHING:
            return
        self._keep(trainer)
        if wish != KEEP:
            place = f"after step {batch_idx + 1} of {trainer.num_training_batches} of epoch {trainer.current_epoch + 1}"
            raise Stopped(wish, place)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self._keep(trainer)
        epoch = trainer.current_epoch + 1
        if self._every and epoch % self._every == 0:
            trainer.save_checkpoint(self.last.with_name(f"epoch-{epoch:03d}.ckpt"))
        wish = self._agreed(trainer)
        if wish >= TIME_IS_UP and epoch < trainer.max_epochs and not trainer.should_stop:
            raise Stopped(wish, f"after epoch {epoch}")

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def _keep(self, trainer: Any) -> None:
        trainer.save_checkpoint(self.last)
        self._kept = time.monotonic()

    def _agreed(self, trainer: Any) -> int:
        """Return what is to be done now; the same in all processes."""
        now = time.monotonic()
        wish = NOTHING
        if self.signal:
            wish = self.signal
        elif now - self._began >= self._limit:
            wish = TIME_IS_UP
        elif now - self._kept >= self._pause:
            wish = KEEP
        if trainer.world_size == 1:
            return wish
        return int(trainer.strategy.reduce(torch.tensor(wish, device=trainer.strategy.root_device), reduce_op="max"))

    def _on_signal(self, number: int, _: Any) -> None:
        """Take note; a second Ctrl-C, not the same one sent twice by a launcher, ends the run at once."""
        now = time.monotonic()
        if self.signal == signal.SIGINT == number and now - self._asked > 1:
            raise KeyboardInterrupt
        if not self.signal:
            self._asked = now
            if number == signal.SIGINT and os.environ.get("RANK", "0") == "0":
                # os.write: print may be what the signal interrupted.
                os.write(2, b"\nstopping after this step (a second Ctrl-C stops at once)\n")
        self.signal = number


class Patience(EarlyStopping):
    """Early stopping that obeys the patience of the present command, also when the run is resumed."""

    def __init__(self, monitor: str, epochs: int) -> None:
        super().__init__(monitor, mode="max", patience=epochs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Train no further where a run is resumed that had already stopped."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True
