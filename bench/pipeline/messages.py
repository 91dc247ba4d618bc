"""What goes between ``edge-bench`` and the process that runs the pipeline: one JSON object a line."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What runs.

    Attributes:
        model: a file of a bundle.
        device: ``cpu`` or ``cuda``, for the emotion network.
        threads: CPU threads of each runtime; None: what ``edge-run`` takes when it isn't told.
        detector: as in ``edge-run``.
        search_interval: frames from one search to the next.
        source: ``built-in``, or what ``edge-run --source`` takes.
        size: width and height of the pictures; None: as they come.
        faces: people in the built-in pictures.
        rate: frames a second that come whether they can be read or not; None: as fast as they are read.
        video: also write an annotated video.
    """

    model: str
    device: str = "cpu"
    threads: int | None = None
    detector: str = "blazeface"
    search_interval: int = 10
    source: str = "built-in"
    size: tuple[int, int] | None = None
    faces: int = 1
    rate: float | None = None
    video: bool = False


class Turn(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How long.

    Attributes:
        frames: least number of frames of a block.
        seconds: least time of a block.
        warm: seconds before the first block.
        metered: seconds in which the processor time of the stages is counted, after the last block.
        blocks: how many, one behind the other, without a pause.
    """

    frames: int
    seconds: float
    warm: float
    metered: float
    blocks: int = 1


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """It is ready.

    Attributes:
        engine: runtime and version.
        input_size: side of the network's input, pixels.
        load_ms: detector and network.
        base_mb: largest resident memory before them, with the built-in pictures.
    """

    engine: str
    input_size: int
    load_ms: float
    base_mb: float | None


class Block(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One block's figures; lists have an entry a frame.

    Attributes:
        begin: ``time.monotonic()`` of its begin, which is the same clock in all processes.
        end: of its end.
        times: seconds from the result before to this one.
        latencies: seconds from capture to result.
        low_ms: 10th percentile of the times, milliseconds, of frames that were searched as a whole and of those in
            between, weighted by how many there were.
        low_latency_ms: the same of the latencies.
        faces: readings in all results.
        came: frames that came, dropped ones included.
        dropped: that were not read.
        width: of the pictures, pixels.
        height: of the pictures, pixels.
        wall: median milliseconds of each stage.
        lows: 10th percentile of the same.
        yardstick_ms: 10th percentile of :func:`bench.yardstick.unit`, done in between; at a rate, right afterwards.
        cpu: milliseconds of processor time a frame, of ``capture``, ``sinks`` and of ``all`` threads together.
        peak_mb: largest resident memory of the process so far.
        notes: what the source did not grant.
    """

    begin: float
    end: float
    times: Sequence[float]
    latencies: Sequence[float]
    low_ms: float
    low_latency_ms: float
    faces: int
    came: int
    dropped: int
    width: int
    height: int
    wall: dict[str, float]
    lows: dict[str, float]
    yardstick_ms: float
    cpu: dict[str, float]
    peak_mb: float | None
    notes: tuple[str, ...] = ()


class Done(msgspec.Struct, frozen=True, tag=True):
    """A turn is over.

    Attributes:
        cpu: milliseconds of processor time a frame, all threads, of ``detect``, ``crops`` and ``classify``.
    """

    cpu: dict[str, float]


class Failure(msgspec.Struct, frozen=True, tag=True):
    """It can't be measured.

    Attributes:
        reason: why, in one line.
        missing: a runtime or a device is not there.
    """

    reason: str
    missing: bool = False


#: What the process is told, and what it answers.
Request = Job | Turn
Reply = Loaded | Block | Done | Failure
