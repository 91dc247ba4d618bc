"""From a measurement to its record: what surrounds the rows is gathered once, by everybody in the same way."""

from __future__ import annotations

import datetime
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, cast

import numpy as np

from bench.effort import Effort
from bench.environment import Environment, State, read_environment, read_state, remarks
from bench.result import Kind, Result, Row, Timing
from bench.yardstick import QUANTILE
from devices.probe import probe
from edge.metrics import percentile
from edge.version import __version__

#: Fewest times of which a 99th percentile is told; of fewer it would be a single one.
LEAST_FOR_P99 = 100

#: Folder of the source this runs from.
SOURCE = Path(__file__).parents[1]


class Recording:
    """What is gathered around a measurement.

    Example::

        with Recording("formats", NORMAL, inputs="faces of ...") as recording:
            recording.rows.append(row)
        result = recording.result()

    Attributes:
        kind: what is measured.
        effort: how long.
        inputs: what it runs on, in words; may be set until :meth:`result`.
        reference: key of the row that ``agreement`` compares with.
        noise: see :class:`bench.result.Result`.
        rows: to be filled.
        remarks: what makes the figures doubtful, beyond what the machine's state tells.
        environment: of this machine, from the beginning of the block.
    """

    environment: Environment

    def __init__(self, kind: Kind, effort: Effort, inputs: str = "", reference: str | None = None) -> None:
        """Begin nothing yet; the block does."""
        self.kind: Kind = kind
        self.effort = effort
        self.inputs = inputs
        self.reference = reference
        self.noise: float | None = None
        self.rows: list[Row] = []
        self.remarks: list[str] = []
        self._time = ""
        self._profile: str | None = None
        self._before: State | None = None
        self._after: State | None = None

    def __enter__(self) -> Recording:
        self._time = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.environment = read_environment()
        match = probe().profile
        self._profile = match.profile if match else None
        self._before = read_state()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._after = read_state()

    def result(self) -> Result:
        """Return the record; inside the block, with the state of this moment."""
        if self._before is None:
            raise RuntimeError("a recording has a result once its block has begun")
        after = self._after or read_state()
        return Result(
            kind=self.kind,
            time=self._time,
            version=__version__,
            commit=read_commit(),
            mode=cast(Literal["normal", "quick"], self.effort.name),
            device=device_slug(self.environment),
            profile=self._profile,
            inputs=self.inputs,
            reference=self.reference,
            environment=self.environment,
            before=self._before,
            after=after,
            noise=self.noise,
            remarks=(*remarks(self.environment, self._before, after), *self.remarks),
            rows=tuple(self.rows),
        )


def timing(blocks: Sequence[Sequence[float]], yardsticks: Sequence[float] = ()) -> Timing:
    """Sum up times that were measured in blocks.

    Args:
        blocks: seconds of each inference or frame, a list a block; blocks without any do not count, and neither does
            their yardstick.
        yardsticks: milliseconds of :func:`bench.yardstick.yardstick` beside each block; empty where none was taken.

    Raises:
        ValueError: no times at all, or as many yardsticks as blocks were not given.
    """
    if yardsticks and len(yardsticks) != len(blocks):
        raise ValueError(f"{len(blocks)} blocks and {len(yardsticks)} yardsticks")
    filled = [index for index, block in enumerate(blocks) if len(block)]
    if not filled:
        raise ValueError("nothing was timed")
    times = np.concatenate([np.asarray(blocks[index], float) for index in filled])
    seconds = float(times.sum())
    return Timing(
        count=len(times),
        seconds=seconds,
        p50_ms=1e3 * percentile(times, 50),
        p90_ms=1e3 * percentile(times, 90),
        p99_ms=1e3 * percentile(times, 99) if len(times) >= LEAST_FOR_P99 else None,
        per_second=len(times) / seconds,
        blocks=tuple(1e3 * percentile(np.asarray(blocks[index], float), 50) for index in filled),
        lows=tuple(1e3 * percentile(np.asarray(blocks[index], float), QUANTILE) for index in filled),
        yardstick=tuple(float(yardsticks[index]) for index in filled) if yardsticks else (),
    )


def device_slug(environment: Environment) -> str:
    """Return a short name for folders: of a board what it calls itself, of a PC its processor, which decides more."""
    board = environment.architecture not in ("x86_64", "AMD64")
    names = (environment.device, environment.cpu.model) if board else (environment.cpu.model, environment.device)
    name = next((name for name in names if name), None) or environment.architecture or "unknown"
    return slug(name)


def slug(name: str) -> str:
    """Return a name in lower-case letters, digits and dashes: ``Intel(R) Xeon(R) CPU @ 2.20GHz``: ``intel-xeon``."""
    bare = re.sub(r"\((r|tm|c)\)|\bcpu\b|@.*", " ", name.lower())
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-") or "unknown"


def read_commit(source: Path = SOURCE) -> str | None:
    """Return the commit of a checkout, twelve digits, with ``-dirty`` where its files differ; None for anything else.

    Files that git does not know make nothing dirty: results and environments lie beside the source.
    """
    top = _git(source, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != source.resolve():  # an installation inside somebody else's checkout
        return None
    commit = _git(source, "rev-parse", "--short=12", "HEAD")
    changed = _git(source, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None else commit + ("-dirty" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
