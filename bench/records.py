"""What a measurement is asked for and what it gives, as it lies in result files."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge.bundle import Config

#: Version of the result files; keys are only added within one version.
SCHEMA_VERSION = 1


class Job(msgspec.Struct, frozen=True):
    """What one worker process is to do.

    Attributes:
        path: the model file; its hash has been checked.
        config: the bundle's config.
        images: ``.npy`` file, uint8 ``[N, S, S, 3]``, RGB.
        threads: CPU threads of the runtime.
        seconds: how long to time, after warming up.
        classify: whether the classes of all images are wanted too.
    """

    path: str
    config: Config
    images: str
    threads: int
    seconds: float
    classify: bool


class Measurement(msgspec.Struct, frozen=True):
    """What one worker process found. Times in milliseconds, memory in MB (10^6 bytes); batch 1.

    Attributes:
        engine: runtime and version.
        load_ms: from nothing to a loaded network: importing the runtime and reading the file (from the disk cache).
        first_ms: the first inference, which often prepares buffers.
        p50_ms: median of the timed inferences.
        p90_ms: their 90th percentile.
        p99_ms: their 99th percentile; None for fewer than 100 inferences, where it would be a single one's time.
        per_second: inferences a second, one after the other.
        timed: number of timed inferences.
        peak_rss_mb: largest resident memory of the process; None where the kernel does not tell.
        base_rss_mb: of that, Python, numpy and the images, before the runtime was loaded.
        classes: class of each image, empty unless asked for.
    """

    engine: str
    load_ms: float
    first_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float | None
    per_second: float
    timed: int
    peak_rss_mb: float | None
    base_rss_mb: float | None
    classes: tuple[int, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """A worker's answer: a measurement, or why there is none."""

    measurement: Measurement | None = None
    status: Literal["measured", "no runtime", "failed"] = "measured"
    reason: str | None = None


class Row(msgspec.Struct, frozen=True):
    """One file of the bundle.

    Attributes:
        file: its name.
        precision: what the config says of it.
        size_mb: its size in MB (10^6 bytes); None when it is missing.
        status: ``measured``; ``no runtime`` when what runs it is not installed; ``failed``.
        reason: why it was not measured.
        measurement: figures, without the classes.
        accuracy: share of images whose class is the label, 0..1.
        macro_f1: mean F1 over the classes that occur.
        agreement: share of images whose class is the reference file's, 0..1.
    """

    file: str
    precision: str
    size_mb: float | None
    status: Literal["measured", "no runtime", "failed"]
    reason: str | None = None
    measurement: Measurement | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    agreement: float | None = None
