"""The same work in two versions, settings or environments, in turns of a tenth of a second, where ``compare`` fails.

Whatever slows a machine for longer than a turn slows both sides. A third process, the first side once more, has turns
like the other two; what it differs by from its twin is what this very run can't tell.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.effort import Effort
from bench.recording import Recording, timing
from bench.records import Block, Job, Turn
from bench.result import Result, Row
from bench.statistics import SEED, Ratio, Verdict, interval, verdict
from bench.turns import Worker, WorkerError
from edge.errors import EdgeError

#: Seconds of one turn, and of the same work before it, since the other side emptied the caches.
TURN, WARM_UP = 0.1, 0.02

#: Fewest queries in a turn.
LEAST = 5

#: Fewest turns of each side in one start.
LEAST_TURNS = 8

#: Quantile of a turn's times that speaks for it; a turn may hold few of them.
QUANTILE = 25

#: Names of the three processes.
A, B, AGAIN = "a", "b", "a again"


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        python: interpreter.
        tree: folder that ``edge`` is imported from; None: whatever the interpreter finds by itself.
        environment: variables of its own.
        job: what it does.
        title: for people.
    """

    python: str
    tree: Path | None
    environment: dict[str, str]
    job: Job
    title: str

    def start(self) -> Worker:
        """Start a process of it.

        Raises:
            WorkerError: it can't be.
        """
        return Worker(self.job, python=self.python, tree=self.tree, environment=self.environment)


@dataclasses.dataclass(frozen=True)
class Pair:
    """What came of it.

    Attributes:
        result: the record; rows ``a`` and ``b``.
        ratio: how many times as long ``b`` takes as ``a``.
        control: the same for ``a again`` and ``a``: 1, but for noise.
        verdict: on ``b``.
    """

    result: Result
    ratio: Ratio
    control: Ratio
    verdict: Verdict


def place(text: str) -> tuple[str, Path | None]:
    """Turn what the user calls a side into an interpreter and a source tree.

    Raises:
        EdgeError: it is neither.
    """
    path = Path(text)
    if (path / "edge" / "__init__.py").is_file():
        return sys.executable, path
    if path.is_file():
        return str(path.absolute()), None  # not resolved: a virtual environment's interpreter is a link
    raise EdgeError(f"{text} is neither a source tree (a folder that holds edge) nor a Python interpreter")


def measure_pair(a: Side, b: Side, effort: Effort, progress: Callable[[str], None] = lambda line: None) -> Pair:
    """Measure two sides in turns.

    As often as the effort has blocks, three processes are started, and take turns, in an order drawn anew each time,
    until each has had its share of the seconds. From a start comes one ratio, the median of those of its turns; the
    interval is a bootstrap over starts (:mod:`bench.statistics`).

    Raises:
        EdgeError: a side can't be run.
    """
    sides = {A: a, B: b, AGAIN: a}
    draw = np.random.default_rng(SEED)
    turns = max(LEAST_TURNS, round(effort.seconds / effort.blocks / TURN))
    starts: list[dict[str, list[Block]]] = []
    with Recording("pairs", effort) as recording:
        for number in range(effort.blocks):
            progress(f"start {number + 1} of {effort.blocks}, {turns} turns for each side")
            starts.append(_start(sides, turns, draw, number * turns))
    ratio, control = _ratio(starts, B), _ratio(starts, AGAIN)
    recording.noise = max(control.high, 1 / control.low)
    told = verdict(ratio, recording.noise)
    for name, side in ((A, a), (B, b)):
        blocks = [[time for block in start[name] for time in block.times] for start in starts]
        sticks = [float(np.median([block.yardstick_ms for block in start[name]])) for start in starts]
        found = timing(blocks, sticks)
        mine = {"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "verdict": told} if name == B else {}
        recording.rows.append(Row(key=name, settings={"side": side.title, **mine}, timing=found))
    return Pair(recording.result(), ratio, control, told)


def show(pair: Pair) -> str:
    """Say what came of it in a few lines."""
    rows = {row.key: row for row in pair.result.rows}
    lines = []
    for key, row in rows.items():
        if row.timing is not None:
            lines.append(f"{key}: {row.timing.p50_ms:.3f} ms (median of {row.timing.count}), {row.settings['side']}")
    least = pair.result.noise or 1.0
    return "\n".join(
        [
            *lines,
            f"b takes {told(pair.ratio)} times as long as a: {pair.verdict}",
            f"control, a again: {told(pair.control)} times; less than {100 * (least - 1):.2f} % can't be told here",
            *(f"note: {remark}" for remark in pair.result.remarks),
        ]
    )


def told(found: Ratio) -> str:
    """Return a ratio with its interval."""
    return f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})"


def _start(sides: dict[str, Side], turns: int, draw: np.random.Generator, first: int) -> dict[str, list[Block]]:
    """Start a process of each side and give them turns; ``first`` numbers them."""
    names = list(sides)
    blocks: dict[str, list[Block]] = {name: [] for name in names}
    try:
        with contextlib.ExitStack() as stack:
            workers = {}
            for index in draw.permutation(len(names)):
                workers[names[index]] = stack.enter_context(sides[names[index]].start())
            for number in range(first, first + turns):
                for index in draw.permutation(len(names)):
                    name = names[index]
                    blocks[name].append(workers[name].turn(Turn(number, TURN, LEAST, WARM_UP)))
    except WorkerError as error:
        raise EdgeError(f"a side can't be run: {error}") from error
    return blocks


def _ratio(starts: list[dict[str, list[Block]]], name: str) -> Ratio:
    """Return how many times as long a side takes as ``a``."""
    logs = []
    for start in starts:
        one, other = (np.log([np.percentile(block.times, QUANTILE) for block in start[side]]) for side in (A, name))
        logs.append(float(np.median(other - one)))
    value, low, high = interval([np.array(logs)], np.random.default_rng(SEED))
    return Ratio(math.exp(value), math.exp(low), math.exp(high), math.exp(value))
