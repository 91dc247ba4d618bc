"""One pipeline for minutes or hours: what heat does to it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from bench.clock import read_clock
from bench.effort import Effort
from bench.pipeline.combinations import Combination
from bench.pipeline.measuring import IDLE, interruptible, joules_of, power_remarks, row_of
from bench.pipeline.messages import Block, Done, Loaded, Turn
from bench.pipeline.process import PipelineError, PipelineProcess
from bench.power import Meter, PowerLog
from bench.recording import Recording
from bench.result import Result, Sample
from devices.throttling import read_throttling
from edge.errors import EdgeError
from edge.temperature import temperature

#: Samples of a run, as far as they lie between these many seconds apart.
SAMPLES, LEAST, MOST = 240, 1.0, 10.0

#: Seconds after the run in which the processor time of the stages is counted.
_METERED = 1.0

#: Words of a Raspberry Pi's firmware that mean that the clock is held down; a low voltage alone does not.
_HELD = ("clock capped now", "throttled now", "soft temperature limit now")

#: Seconds at the beginning and at the end that are compared, where a run is twice as long.
_MINUTE = 60.0

#: Where nothing tells of throttling, a clock that falls below this share of the first minute's is worth a word.
_SLOW = 0.95


def measure_sustained(
    combination: Combination,
    minutes: float,
    *,
    inputs: str,
    meter: Meter | None = None,
    remarks: Sequence[str] = (),
    progress: Callable[[Sample], None] = lambda sample: None,
    root: Path = Path("/"),
) -> tuple[Result, str | None]:
    """Run one combination without a pause, and look at the machine meanwhile. Ctrl-C ends it with what there is.

    Args:
        combination: what runs.
        minutes: how long.
        inputs: what it runs on, in words.
        meter: of power.
        remarks: said beside those of the measurement.
        progress: called with each sample.
        root: of the file tree that temperature, clock and throttling are read from.

    Returns:
        The result, and what broke it off early; None where nothing did.

    Raises:
        EdgeError: nothing was measured.
    """
    every = min(max(60 * minutes / SAMPLES, LEAST), MOST)
    count = max(1, round(60 * minutes / every))
    effort = Effort("normal", 0, 60 * minutes, count)
    blocks: list[Block] = []
    curve: list[Sample] = []
    energies: list[float | None] = []
    loads: list[Loaded] = []
    stages: list[dict[str, float]] = []
    broken: str | None = None
    with Recording("sustained", effort, inputs) as recording, contextlib.ExitStack() as stack:
        recording.remarks += remarks
        log = stack.enter_context(PowerLog(meter)) if meter else None
        idle: float | None = None
        try:
            with interruptible():
                if log:
                    begin = time.monotonic()
                    time.sleep(2 * IDLE)
                    idle = log.mean(begin, time.monotonic())
                with PipelineProcess(combination.job) as process:
                    loads.append(process.loaded)
                    turn = Turn(frames=1, seconds=every, warm=0.0, metered=_METERED, blocks=count)
                    for reply in process.run(turn):
                        if isinstance(reply, Done):
                            stages.append(reply.cpu)
                            break
                        blocks.append(reply)
                        curve.append(sample(reply, blocks[0].begin, log, root))
                        energies.append(joules_of(reply, log, idle))
                        progress(curve[-1])
        except PipelineError as error:
            broken = str(error)
        except KeyboardInterrupt:
            broken = "interrupted"
        if not blocks:
            raise EdgeError("interrupted before the first sample" if broken == "interrupted" else broken or "nothing")
        if broken:
            recording.remarks.append(f"{broken} after {curve[-1].at / 60:.1f} of {minutes:g} minutes")
        recording.remarks += [*power_remarks(log, idle), *curve_remarks(curve)]
    known = [(energy, len(block.times)) for energy, block in zip(energies, blocks, strict=True) if energy is not None]
    frames = sum(count for _, count in known)
    row = msgspec.structs.replace(
        row_of(combination, blocks, loads, stages),
        curve=tuple(curve),
        joules=sum(energy for energy, _ in known) / frames if frames else None,
    )
    recording.rows.append(row)
    return recording.result(), broken


def sample(block: Block, begin: float, log: PowerLog | None, root: Path = Path("/")) -> Sample:
    """Return what can be told at the end of a block; ``begin`` is of the first one."""
    words = read_throttling(root)
    return Sample(
        at=block.end - begin,
        fps=len(block.times) / (block.end - block.begin),
        temperature_c=temperature(root),
        clock_mhz=read_clock(root),
        throttled=None if words is None else any(word in _HELD for word in words),
        power_w=log.mean(block.begin, block.end) if log else None,
    )


def curve_remarks(curve: Sequence[Sample]) -> list[str]:
    """Say what the curve shows: speed at its begin and end, when throttling began, heat, clock, power."""
    length = curve[-1].at
    span = _MINUTE if length >= 2 * _MINUTE else length / 2
    first = [one for one in curve if one.at <= span] or [curve[0]]
    last = [one for one in curve if one.at > length - span] or [curve[-1]]
    named = "minute" if span == _MINUTE else f"{span:.0f} s"
    begin, end = (float(np.mean([one.fps for one in part])) for part in (first, last))
    found = [f"{begin:.1f} FPS in the first {named}, {end:.1f} in the last: {end / begin:.2f} times"]
    held = [one for one in curve if one.throttled]
    if held:
        at = f"{int(held[0].at) // 60}:{int(held[0].at) % 60:02d}"
        heat = held[0].temperature_c
        hot = f", at {heat:.0f} °C" if heat is not None else ""
        share = len(held) / len(curve)
        found.append(f"throttling began after {at}{hot}; it held in {100 * share:.0f} % of the samples")
    elif all(one.throttled is None for one in curve):
        found.append("nothing on this machine tells of throttling")
    else:
        found.append("no throttling")
    heats = [one.temperature_c for one in curve if one.temperature_c is not None]
    if heats:
        found.append(f"{heats[0]:.0f} °C at first, {max(heats):.0f} at the highest")
    else:
        found.append("nothing on this machine tells its temperature")
    clocks = [[one.clock_mhz for one in part if one.clock_mhz is not None] for part in (first, last)]
    if all(clocks):
        before, after = (float(np.mean(part)) for part in clocks)
        if after < _SLOW * before:
            found.append(f"the clock fell from {before:.0f} to {after:.0f} MHz")
    watts = [one.power_w for one in curve if one.power_w is not None]
    if watts:
        found.append(f"{np.mean(watts):.2f} W on average")
    return found
