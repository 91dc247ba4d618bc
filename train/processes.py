"""Several processes that train one network together, one a device: who this one is, and what they tell each other."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TextIO, cast

import torch
from torch import Tensor

from edge.errors import EdgeError


@dataclasses.dataclass(frozen=True)
class Place:
    """This process among all.

    Attributes:
        rank: its number, from 0; 0 writes and prints.
        world: number of processes on all machines.
        local: number of processes on this machine.
    """

    rank: int = 0
    world: int = 1
    local: int = 1


def place() -> Place:
    """Return where ``torchrun`` (or :func:`launch`) put this process; without it, there is one process."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Place()
    return Place(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"]))


def gather_rows(parts: Sequence[Tensor]) -> list[Tensor]:
    """Return the rows of all processes for each of several float tensors ``[n, c_i]``; gradients reach the own rows.

    A loss of the gathered rows is the loss of the whole step whatever it is made of (means over annotated entries,
    correlations, class weights), which a mean of the processes' losses is not. Times the number of processes, since DDP
    divides by it, its gradient is the gradient of the whole step.
    """
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return list(parts)
    from torchmetrics.utilities.distributed import gather_all_tensors

    own = torch.cat([part.float() for part in parts], dim=1)
    rows = gather_all_tensors(own.detach())
    rows[torch.distributed.get_rank()] = own
    return list(torch.split(torch.cat(rows), [part.shape[1] for part in parts], dim=1))


def whole_in_each(parameter: Tensor | None, processes: int) -> None:
    """Divide the gradient of a parameter that acts after :func:`gather_rows`, such as the weights of the losses.

    Every process has its whole gradient, times the number of processes, where of the network's it has a part.
    """
    if parameter is not None and processes > 1:
        cast(Any, parameter).register_hook(lambda gradient: gradient / processes)


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run ``python -m train`` with these arguments in so many processes, as ``torchrun`` does; return the exit code."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    threads = max(1, (os.cpu_count() or 1) // processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL + 1)  # a failed process speaks for itself
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "train", *arguments)
    except ChildFailedError as error:
        code: int = error.get_first_failure()[1].exitcode
        return code if code > 0 else 128 - code  # a signal's number, as shells count
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0


def one_voice(here: Place) -> None:
    """Of several processes that fail, let only the first say so: one line, whatever happens to the others then.

    What the others meet when one is gone (closed connections) tells a user nothing. It lasts as long as the process.
    """
    address, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")
    if here.world > 1 and address and port and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        store = cast(Any, torch.distributed).TCPStore(address, int(port), None, False, timedelta(seconds=60))
        sys.stderr = _Voice(sys.stderr, store, here.rank)  # type: ignore[assignment]


class _Voice:
    """A stream that passes an error on if no other process reported one before."""

    def __init__(self, stream: TextIO, store: Any, rank: int) -> None:
        self._stream = stream
        self._store = store
        self._rank = rank
        self._first: bool | None = None  # unknown until this process has something to report

    def write(self, text: str) -> int:
        if self._first is None and text.lstrip().startswith(("error:", "Traceback", "Usage:", "[rank")):
            try:
                self._first = self._store.add("train/failed", 1) == 1
            except RuntimeError:  # the launcher is gone: nobody else is left to speak
                self._first = True
        if self._first or (self._first is None and self._rank == 0):
            self._stream.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def check_devices(device: str, here: Place, batch_size: int) -> None:
    """Refuse a step that cannot be divided, and more processes than GPUs.

    Raises:
        EdgeError: fewer images a step than processes, or fewer GPUs than processes on this machine.
    """
    if batch_size < here.world:
        raise EdgeError(f"--batch-size {batch_size} cannot be shared by {here.world} processes; give each one image")
    gpus = torch.cuda.device_count()
    if device != "cpu" and 0 < gpus < here.local:
        raise EdgeError(f"{here.local} processes, but {gpus} GPU(s) on this machine; start fewer, or add --device cpu")
