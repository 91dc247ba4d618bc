"""All combinations of a run, in turns; what their blocks add up to."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

import msgspec
import numpy as np

from bench.effort import Effort
from bench.pipeline.combinations import Combination
from bench.pipeline.messages import Block, Done, Failure, Loaded, Turn
from bench.pipeline.process import PipelineError, PipelineProcess
from bench.power import Meter, PowerLog
from bench.recording import Recording, timing
from bench.result import Result, Row, Stage, Timing
from bench.statistics import noise_between
from edge.errors import EdgeError

#: Stages in the order in which a frame meets them; ``sinks`` and ``capture`` work beside the others.
STAGES = ("capture", "waiting", "detect", "tracking", "crops", "classify", "other", "sinks")

#: Seconds before a block that don't count, at most and as a share of the block.
WARM, WARM_SHARE = 1.0, 0.5

#: Share of a block's seconds in which the processor time of the stages is counted afterwards.
METERED = 0.2

#: Seconds in which a machine at rest is watched by the meter, as a share of an effort's, and at least.
IDLE_SHARE, IDLE = 1 / 12, 2.0

#: Seed of the order in which the rows take their turns.
SEED = 0


@dataclasses.dataclass
class Subject:
    """A combination while it is measured.

    Attributes:
        combination: what it is.
        loads: of each of its processes.
        blocks: one a turn.
        stages: processor time of stages, one a turn.
        joules: energy of each block above idle; without blocks whose power is unknown.
        failure: why it can't be measured.
    """

    combination: Combination
    loads: list[Loaded] = dataclasses.field(default_factory=list)
    blocks: list[Block] = dataclasses.field(default_factory=list)
    stages: list[dict[str, float]] = dataclasses.field(default_factory=list)
    joules: list[tuple[float, int]] = dataclasses.field(default_factory=list)
    failure: Failure | None = None

    def take_turn(self, turn: Turn) -> None:
        """Measure a block in a fresh process; how one lies in memory changes its speed for as long as it lives."""
        blocks: list[Block] = []
        try:
            with PipelineProcess(self.combination.job) as process:
                for reply in process.run(turn):
                    if isinstance(reply, Done):
                        self.stages.append(reply.cpu)
                    else:
                        blocks.append(reply)
            self.loads.append(process.loaded)
            self.blocks += blocks
        except PipelineError as error:
            self.failure = error.failure


def measure_pipeline(
    combinations: Sequence[Combination],
    effort: Effort,
    *,
    inputs: str,
    meter: Meter | None = None,
    remarks: Sequence[str] = (),
    progress: Callable[[str], None] = lambda line: None,
) -> Result:
    """Measure every combination; one that fails becomes a row that says why. Ctrl-C ends it with what there is.

    All take turns in ``effort.blocks`` rounds, in an order drawn anew, each turn in a fresh process. The first one that
    runs is measured a second time, as if it were another: :attr:`bench.result.Result.noise`.

    Args:
        combinations: what to measure.
        effort: how long.
        inputs: what it runs on, in words.
        meter: of power.
        remarks: said beside those of the measurement.
        progress: called with a line before each turn.

    Raises:
        EdgeError: none could be measured.
    """
    subjects = [Subject(one) for one in combinations]
    twin = Subject(combinations[0])
    with Recording("pipeline", effort, inputs) as recording, contextlib.ExitStack() as stack:
        recording.remarks += remarks
        log = stack.enter_context(PowerLog(meter)) if meter else None
        idle = _idle(log, effort) if log else None
        try:
            with interruptible():
                _rounds([*subjects, twin], effort, log, idle, progress)
        except KeyboardInterrupt:
            recording.remarks.append("interrupted: figures rest on what was measured until then")
        recording.remarks += power_remarks(log, idle)
    rows = [_row(subject) for subject in subjects]
    if all(row.status != "measured" for row in rows):
        raise EdgeError(next(row.reason for row in rows if row.reason) or "nothing was measured")
    recording.rows += rows
    one, again = _timing(subjects[0]), _timing(twin)
    if one and again:
        recording.noise = noise_between(one, again)
    return recording.result()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let a lost connection or ``kill`` end a measurement as Ctrl-C does, so that what was measured is kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), handle) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def power_remarks(log: PowerLog | None, idle: float | None) -> list[str]:
    """Say what was read, and what became of it."""
    if log is None:
        return []
    told = f"power: {log.meter.name}, {log.meter.measures}; "
    told += "idle unknown, so that energy is all of it" if idle is None else f"{idle:.2f} W idle, taken off"
    return [told] + ([f"the power meter was lost during the run: {log.lost}"] if log.lost else [])


def joules_of(block: Block, log: PowerLog | None, idle: float | None) -> float | None:
    """Return the energy of a block, above idle where that is known; None where nothing was read."""
    power = log.mean(block.begin, block.end) if log else None
    return None if power is None else (power - (idle or 0.0)) * (block.end - block.begin)


def _idle(log: PowerLog, effort: Effort) -> float | None:
    begin = time.monotonic()
    time.sleep(max(IDLE, IDLE_SHARE * effort.seconds))
    return log.mean(begin, time.monotonic())


def _rounds(
    subjects: Sequence[Subject],
    effort: Effort,
    log: PowerLog | None,
    idle: float | None,
    progress: Callable[[str], None],
) -> None:
    seconds = effort.seconds / effort.blocks
    turn = Turn(
        frames=-(-effort.queries // effort.blocks),
        seconds=seconds,
        warm=min(WARM, WARM_SHARE * seconds),
        metered=METERED * seconds,
    )
    order = np.random.default_rng(SEED)
    for number in range(effort.blocks):
        for place in order.permutation(len(subjects)):
            subject = subjects[place]
            if subject.failure is None:
                progress(f"round {number + 1} of {effort.blocks}: {subject.combination.key}")
                before = len(subject.blocks)
                subject.take_turn(turn)
                for block in subject.blocks[before:]:
                    energy = joules_of(block, log, idle)
                    if energy is not None:
                        subject.joules.append((energy, len(block.times)))


def _row(subject: Subject) -> Row:
    combination, blocks = subject.combination, subject.blocks
    if not blocks:
        failure = subject.failure or Failure("interrupted before its first turn")
        return Row(
            key=combination.key,
            settings=combination.settings,
            status="no runtime" if failure.missing else "failed",
            reason=failure.reason,
        )
    row = row_of(combination, blocks, subject.loads, subject.stages)
    notes = row.notes + ((f"ended early: {subject.failure.reason}",) if subject.failure else ())
    frames = sum(count for _, count in subject.joules)
    joules = sum(energy for energy, _ in subject.joules) / frames if frames else None
    return msgspec.structs.replace(row, notes=notes, joules=joules)


def row_of(
    combination: Combination, blocks: Sequence[Block], loads: Sequence[Loaded], stages: Sequence[dict[str, float]]
) -> Row:
    """Return the row of some blocks."""
    frames = sum(len(block.times) for block in blocks)
    cpu = _weighted([(block.cpu, len(block.times)) for block in blocks])
    for name in ("detect", "crops", "classify"):
        counted = [stage[name] for stage in stages if name in stage]
        if counted:
            cpu[name] = float(np.mean(counted))
    whole = cpu.pop("all")
    # Stages are counted apart from the run; where others disturbed, their sum can be more than all of it.
    if "detect" in cpu and whole > sum(cpu.values()):
        cpu["other"] = whole - sum(cpu.values())
    last = blocks[-1]
    faces = sum(block.faces for block in blocks) / frames
    bases = [load.base_mb for load in loads if load.base_mb is not None]
    return Row(
        key=combination.key,
        settings=combination.settings
        | {"engine": loads[-1].engine, "input_size": loads[-1].input_size, "width": last.width, "height": last.height},
        timing=frame_timing(blocks),
        latency=latency_timing(blocks),
        cpu_ms=whole,
        load_ms=float(np.median([load.load_ms for load in loads])),
        peak_mb=max((block.peak_mb for block in blocks if block.peak_mb is not None), default=None),
        base_mb=max(bases, default=None),
        frames=frames,
        dropped=sum(block.dropped for block in blocks) if at_a_rate(combination) else None,
        faces_per_frame=faces,
        stages=tuple(
            Stage(
                name=name,
                wall_ms=_median([block.wall[name] for block in blocks if name in block.wall]),
                cpu_ms=cpu.get(name),
                lows=tuple(block.lows[name] for block in blocks if name in block.lows),
            )
            for name in STAGES
            if name in cpu or any(name in block.wall for block in blocks)
        ),
        notes=tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
    )


def frame_timing(blocks: Sequence[Block]) -> Timing:
    """Sum up the times from result to result; what intervals are made from counts searches by their share."""
    found = timing([block.times for block in blocks], [block.yardstick_ms for block in blocks])
    return msgspec.structs.replace(found, lows=tuple(block.low_ms for block in blocks))


def latency_timing(blocks: Sequence[Block]) -> Timing:
    """Sum up the times from capture to result, likewise."""
    found = timing([block.latencies for block in blocks], [block.yardstick_ms for block in blocks])
    return msgspec.structs.replace(found, lows=tuple(block.low_latency_ms for block in blocks))


def at_a_rate(combination: Combination) -> bool:
    """Say whether frames come when they come, so that latency tells what the machine needs, and not their rate."""
    return bool(combination.job.rate or combination.settings.get("live"))


def _timing(subject: Subject) -> Timing | None:
    if not subject.blocks:
        return None
    # At a rate, results come as often as frames do; what the machine needs shows in the latency.
    return latency_timing(subject.blocks) if at_a_rate(subject.combination) else frame_timing(subject.blocks)


def _weighted(values: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
    """Mean by name, weighted by frames."""
    names = dict.fromkeys(name for value, _ in values for name in value)
    total = {name: sum(frames for value, frames in values if name in value) for name in names}
    return {name: sum(value.get(name, 0.0) * frames for value, frames in values) / total[name] for name in names}


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if len(values) else None
