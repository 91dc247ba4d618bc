"""A result file: what was measured, on what, and every row of it. All commands of ``edge-bench`` write and read this.

Lies at ``bench/results/<device>/<date>-<commit>.json``. Milliseconds, MB of 10^6 bytes, degrees Celsius, watts; None is
unknown or does not apply.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from bench.environment import Environment, State
from edge.errors import EdgeError
from edge.files import write_atomically

#: Version of result files; keys are only added within one version. (Version 1 was one table of ``formats``.)
SCHEMA = 2

#: What was measured.
Kind = Literal["formats", "pipeline", "sustained", "instructions", "peers", "pairs"]

Status = Literal["measured", "no runtime", "failed"]

#: A value of a setting.
Value = str | int | float | bool | None


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Times of many like things (inferences, frames), measured in blocks.

    Attributes:
        count: how many.
        seconds: their sum.
        p50_ms: median.
        p90_ms: 90th percentile.
        p99_ms: 99th percentile; None for fewer than 100.
        per_second: count divided by seconds.
        blocks: median of each block, ms, in the order of time.
        lows: 10th percentile of each block, ms: what intervals are made from (:mod:`bench.statistics` says why).
        yardstick: beside each block, the time of a fixed piece of work that no version of this toolkit changes
            (:mod:`bench.yardstick`), ms: it tells a slower machine from slower software.
    """

    count: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float | None
    per_second: float
    blocks: tuple[float, ...] = ()
    yardstick: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the pipeline, for each frame.

    Attributes:
        name: ``capture``, ``detect``, ``crops``, ``classify``, ``other``, ...
        wall_ms: median time from its begin to its end.
        cpu_ms: mean processor time, all threads.
        lows: 10th percentile of each block, ms of wall clock; as of :class:`Timing`.
    """

    name: str
    wall_ms: float | None = None
    cpu_ms: float | None = None
    lows: tuple[float, ...] = ()


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One instant of a long run.

    Attributes:
        at: seconds since its begin.
        fps: frames a second since the sample before.
        temperature_c: hottest sensor.
        clock_mhz: mean of the cores that are measured on.
        throttled: whether the firmware holds the clock down.
        power_w: of what the meter measures.
    """

    at: float
    fps: float
    temperature_c: float | None = None
    clock_mhz: float | None = None
    throttled: bool | None = None
    power_w: float | None = None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What one inference or one frame costs, counted and not timed.

    Attributes:
        instructions: all of them.
        loads_stores: that touch memory.
        simd: Advanced SIMD and floating point.
        dot: of these, dot products (SDOT, UDOT).
        macs: multiplications with addition that the network asks for.
        bytes_moved: weights and activations, each read or written once.
        estimate_ms: roofline estimate; never a measurement.
        assumptions: of the estimate, in words.
    """

    instructions: int
    loads_stores: int | None = None
    simd: int | None = None
    dot: int | None = None
    macs: int | None = None
    bytes_moved: int | None = None
    estimate_ms: float | None = None
    assumptions: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was measured, or was not.

    Attributes:
        key: what it is, unique in a result and the same in every other: ``compare`` matches rows by it. Parts are
            separated by ``/``, such as ``mobilenet_v2/model_int8.tflite/1 thread``.
        settings: the parts by name: ``model``, ``file``, ``input_size``, ``engine``, ``threads``, ``detector``,
            ``search_interval``, ``source``, ``width``, ``height``, ``faces``, ``cpu``, ...
        status: whether it was measured.
        reason: why not.
        timing: of one inference or one frame, as a caller sees it.
        latency: from capture to result.
        cpu_ms: processor time of each, all threads.
        load_ms: from nothing to a loaded network.
        first_ms: first inference.
        size_mb: of the file.
        peak_mb: largest resident memory.
        base_mb: of it, before the runtime came.
        images: that accuracy was measured on.
        accuracy: share that is right, 0..1.
        macro_f1: mean F1 over the classes that occur.
        agreement: share with the same class as the reference, 0..1.
        frames: processed.
        dropped: frames that came and were not processed.
        faces_per_frame: mean.
        joules: for each inference or frame, above idle where that was measured.
        stages: see :class:`Stage`.
        curve: see :class:`Sample`.
        counts: see :class:`Counts`.
        notes: what one has to know, a sentence each.
    """

    key: str
    settings: dict[str, Value] = {}
    status: Status = "measured"
    reason: str | None = None
    timing: Timing | None = None
    latency: Timing | None = None
    cpu_ms: float | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    size_mb: float | None = None
    peak_mb: float | None = None
    base_mb: float | None = None
    images: int | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    agreement: float | None = None
    frames: int | None = None
    dropped: int | None = None
    faces_per_frame: float | None = None
    joules: float | None = None
    stages: tuple[Stage, ...] = ()
    curve: tuple[Sample, ...] = ()
    counts: Counts | None = None
    notes: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run of ``edge-bench``.

    Attributes:
        schema: version of this record.
        kind: what was measured.
        time: when it began, UTC, ISO 8601.
        version: of emot-edge.
        commit: of its source, with ``-dirty`` where files differ; None for an installed package.
        mode: ``normal``, or ``quick``: rough figures.
        device: short name for folders, from the board or the processor.
        profile: device profile that is nearest.
        inputs: what it ran on, in words.
        reference: key of the row that ``agreement`` compares with.
        environment: machine and software.
        before: load, heat and throttling when it began.
        after: the same when it ended.
        noise: ratio that the same row measured twice in this run differs by (1.0 + the share), at the worst; smaller
            differences say nothing. None: not checked.
        remarks: what makes the figures doubtful.
        rows: see :class:`Row`.
    """

    schema: int = SCHEMA
    kind: Kind
    time: str
    version: str
    commit: str | None
    mode: Literal["normal", "quick"]
    device: str
    profile: str | None = None
    inputs: str = ""
    reference: str | None = None
    environment: Environment
    before: State
    after: State
    noise: float | None = None
    remarks: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


def read_result(path: Path) -> Result:
    """Read a result file.

    Raises:
        EdgeError: unreadable, of another version, or no result.
    """
    try:
        data = path.read_bytes()
        head = msgspec.json.decode(data, type=dict)
        if head.get("schema") != SCHEMA:
            raise EdgeError(
                f"{path} has schema {head.get('schema')!r}, not {SCHEMA}; measure again with this edge-bench"
            )
        return msgspec.json.decode(data, type=Result)
    except OSError as error:
        raise EdgeError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EdgeError(f"{path} is no result of edge-bench: {error}") from error


def write_result(result: Result, path: Path) -> None:
    """Write a result file, making its folder.

    Raises:
        EdgeError: it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"cannot make {path.parent}: {error.strerror}") from error
    write_atomically(path, msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
