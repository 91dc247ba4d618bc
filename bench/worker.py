"""One model file, measured in a process of its own, so that memory and load time belong to it alone.

Started by :mod:`bench.formats`; it imports nothing the measured runtime would not need anyway.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.records import Job, Measurement, Outcome
from edge.engines import Engine, load_engine
from edge.errors import EdgeError
from edge.metrics import percentile

#: Images that timing rotates through; more would only add memory to what is measured.
ROTATION = 64
#: Fewest inferences before and during timing, however slow the network is.
LEAST = 10


def main(arguments: list[str]) -> None:
    """Read a :class:`Job` from the file ``arguments[0]`` and write the :class:`Outcome` to ``arguments[1]``.

    Not to standard output: runtimes write there whatever they like.
    """
    job = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Job)
    try:
        outcome = Outcome(measure(job))
    except EdgeError as error:
        missing = isinstance(error.__cause__, ModuleNotFoundError)
        outcome = Outcome(status="no runtime" if missing else "failed", reason=str(error))
    except Exception as error:  # runtimes raise whatever they like; one row must not stop the others
        traceback.print_exc(file=sys.stderr)
        lines = str(error).splitlines() or [""]
        outcome = Outcome(status="failed", reason=f"{type(error).__name__}: {lines[0]}")
    Path(arguments[1]).write_bytes(msgspec.json.encode(outcome))


def measure(job: Job) -> Measurement:
    """Load, warm up, time, and (last, since it only adds memory) classify."""
    images = np.load(job.images, mmap_mode="r")
    rotation = np.array(images[:ROTATION])
    base = peak_rss_mb()

    start = time.perf_counter()
    engine = load_engine(Path(job.path), job.config, "cpu", job.threads)
    load = time.perf_counter() - start

    first = _timed(engine, rotation[:1])
    _run_for(engine, rotation, min(1.0, job.seconds / 4))
    times = np.array(_run_for(engine, rotation, job.seconds))
    peak = peak_rss_mb()

    classes: list[int] = []
    if job.classify:
        for index in range(len(images)):
            logits, _ = engine.run(np.array(images[index : index + 1]))
            classes.append(int(logits[0].argmax()))
    engine.close()
    return Measurement(
        engine=engine.name,
        load_ms=1e3 * load,
        first_ms=1e3 * first,
        p50_ms=1e3 * percentile(times, 50),
        p90_ms=1e3 * percentile(times, 90),
        p99_ms=1e3 * percentile(times, 99) if len(times) >= 100 else None,
        per_second=len(times) / float(times.sum()),
        timed=len(times),
        peak_rss_mb=peak,
        base_rss_mb=base,
        classes=tuple(classes),
    )


def peak_rss_mb() -> float | None:
    """Return the largest resident memory of this process so far, in MB; None where the kernel does not tell.

    Not ``getrusage``: on Linux its maximum starts with that of the process which started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    kib = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kib is None else int(kib) * 1024 / 1e6


def _run_for(engine: Engine, images: NDArray[np.uint8], seconds: float) -> list[float]:
    """Run one image after the other until time is up; return the seconds each inference took."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST or time.perf_counter() < end:
        index = len(times) % len(images)
        times.append(_timed(engine, images[index : index + 1]))
    return times


def _timed(engine: Engine, image: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    engine.run(image)
    return time.perf_counter() - start
