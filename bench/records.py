"""What the bench and its worker processes say to each other: one JSON object a line."""

from __future__ import annotations

from typing import Literal

import msgspec

#: Version of the report of ``edge-bench live``.
SCHEMA_VERSION = 1


class NetworkJob(msgspec.Struct, frozen=True, tag=True):
    """Run a model file on images.

    Attributes:
        folder: the bundle; the worker reads its config.
        file: name of the file in it; its hash has been checked.
        images: ``.npy`` file, uint8 ``[N, S, S, 3]``, RGB.
        threads: CPU threads of the runtime; None leaves the runtime's choice.
    """

    folder: str
    file: str
    images: str
    threads: int | None = None


class ReaderJob(msgspec.Struct, frozen=True, tag=True):
    """Run ``EmotionReader.process`` on the frames of a sequence, again and again.

    Attributes:
        frames: ``.npy`` file, uint8 ``[N, H, W, 3]``, BGR.
        model: bundle or file; None: the packaged one.
        options: further arguments of ``EmotionReader``.
        cycle: frames that are timed together, so that each time holds one search of the whole picture.
        fps: of the sequence's own clock.
    """

    frames: str
    model: str | None = None
    options: dict[str, str | int | float | bool] = {}
    cycle: int = 10
    fps: float = 30.0


class Turn(msgspec.Struct, frozen=True, tag=True):
    """Time one block; it ends when both minimums are reached.

    Attributes:
        number: of the turn, from 0; another part of the inputs is taken in each.
        seconds: least time.
        queries: least number of inferences or frames.
        warm_up: seconds of the same work before, not timed.
    """

    number: int
    seconds: float
    queries: int
    warm_up: float


class Classify(msgspec.Struct, frozen=True, tag=True):
    """Name the class of every image."""


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """A worker is ready.

    Attributes:
        engine: runtime and version.
        load_ms: from nothing to a loaded network: importing the runtime and reading the file (from the disk cache).
        first_ms: the first inference, which often prepares buffers.
        base_mb: largest resident memory before the runtime came: Python, numpy and the inputs.
    """

    engine: str
    load_ms: float
    first_ms: float
    base_mb: float | None


class Block(msgspec.Struct, frozen=True, tag=True):
    """One block was timed.

    Attributes:
        times: seconds of each inference or frame.
        cpu_s: processor time of the process meanwhile, all threads.
        yardstick_ms: 10th percentile of :func:`bench.yardstick.unit`, done every few milliseconds in between.
        peak_mb: largest resident memory of the process so far; None where the kernel does not tell.
    """

    times: tuple[float, ...]
    cpu_s: float
    yardstick_ms: float
    peak_mb: float | None


class Classes(msgspec.Struct, frozen=True, tag=True):
    """The class of each image, in order."""

    classes: tuple[int, ...]


class Failure(msgspec.Struct, frozen=True, tag=True):
    """Why a worker can't go on; it ends after that.

    Attributes:
        status: ``no runtime`` when what runs the file is not installed.
        reason: in words.
    """

    status: Literal["no runtime", "failed"]
    reason: str


Job = NetworkJob | ReaderJob
Request = NetworkJob | ReaderJob | Turn | Classify
Reply = Loaded | Block | Classes | Failure
