"""One thing to measure, in a process of its own, so that memory and load time belong to it alone.

Started by :mod:`bench.turns`; it imports nothing that the measured runtime would not need anyway, and of ``edge`` only
what every version of it offers: it may be another version's (``edge-bench pairs``).
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.records import Block, Classes, Classify, Failure, Loaded, NetworkJob, ReaderJob, Reply, Request, Turn
from bench.yardstick import QUANTILE, unit, yardstick

#: Images that one turn rotates through; more would only add memory to what is measured.
ROTATION = 64
#: Seconds of work between two units of the yardstick. It empties the caches, so that the inference after it takes a
#: little longer: one in twenty, at a millisecond each.
SLICE = 0.02


class Workload(Protocol):
    """What is timed.

    Attributes:
        name: runtime and version.
        repeats: inferences or frames in one step.
    """

    name: str
    repeats: int

    def load(self) -> None:
        """Get ready to run; this is what ``load_ms`` times."""

    def turn(self, number: int) -> None:
        """Take the inputs of a turn into memory."""

    def step(self, index: int) -> None:
        """Run once; ``index`` counts from 0 in each turn."""

    def close(self) -> None:
        """Release the runtime."""


class NetworkFile:
    """A model file through its engine: uint8 pixels in, logits and valence/arousal out."""

    name = ""
    repeats = 1

    def __init__(self, job: NetworkJob) -> None:
        self._job = job
        self._all: NDArray[np.uint8] = np.load(job.images, mmap_mode="r")
        self.turn(0)

    def load(self) -> None:
        from edge.bundle import read_bundle
        from edge.engines import load_engine

        folder = Path(self._job.folder)
        config = read_bundle(folder).config
        self._engine = load_engine(folder / self._job.file, config, "cpu", self._job.threads)
        self.name = self._engine.name

    def turn(self, number: int) -> None:
        places = np.arange(number * ROTATION, (number + 1) * ROTATION) % len(self._all)
        self._images = np.array(self._all[places[: len(self._all)]])

    def step(self, index: int) -> None:
        place = index % len(self._images)
        self._engine.run(self._images[place : place + 1])

    def classes(self) -> tuple[int, ...]:
        """Name the class of every image."""
        found = []
        for index in range(len(self._all)):
            logits, _ = self._engine.run(np.array(self._all[index : index + 1]))
            found.append(int(logits[0].argmax()))
        return tuple(found)

    def close(self) -> None:
        self._engine.close()


class WholeReader:
    """From a decoded frame to every face's reading."""

    name = ""

    def __init__(self, job: ReaderJob) -> None:
        self._job = job
        self.repeats = job.cycle
        self._frames: NDArray[np.uint8] = np.load(job.frames, mmap_mode="r")
        self._index = 0

    def load(self) -> None:
        import cv2

        from edge.reader import EmotionReader
        from edge.types import Frame

        options: dict[str, Any] = {"search_interval": self._job.cycle, **self._job.options}
        # As edge-run does: a second thread's waiting costs more than it saves on pictures this small.
        cv2.setNumThreads(1)
        self._reader = EmotionReader(self._job.model, **options)
        self._frame = Frame
        self.name = f"{self._reader.detector_name}, {self._reader.model.engine.name}"

    def turn(self, number: int) -> None:
        """Go on where the turn before ended: people keep their ids."""

    def step(self, index: int) -> None:
        for _ in range(self.repeats):
            image = np.asarray(self._frames[self._index % len(self._frames)])
            self._reader.process(self._frame(image, self._index / self._job.fps, self._index))
            self._index += 1

    def close(self) -> None:
        self._reader.close()


def main() -> None:
    """Answer requests from standard input, the first of which is a job, until there are no more.

    Answers leave through what was standard output. Runtimes write there whatever they like: they get standard error.
    """
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(reply: Reply) -> None:
        answers.write(msgspec.json.encode(reply) + b"\n")
        answers.flush()

    decoder = msgspec.json.Decoder(Request)
    try:
        work = _workload(decoder.decode(requests.readline()))
        answer(_load(work))
        for line in requests:
            answer(_do(work, decoder.decode(line)))
        work.close()
    except BrokenPipeError:  # whoever asked is gone
        pass
    except Exception as error:  # runtimes raise whatever they like; one row must not stop the others
        answer(_failure(error))


def _workload(job: Request) -> Workload:
    if isinstance(job, NetworkJob):
        return NetworkFile(job)
    if isinstance(job, ReaderJob):
        return WholeReader(job)
    raise ValueError(f"{type(job).__name__} came before a job")


def _load(work: Workload) -> Loaded:
    yardstick()  # its arrays belong to the base
    base = peak_rss_mb()
    start = time.perf_counter()
    work.load()
    load = time.perf_counter() - start
    first = _timed(work, 0)
    return Loaded(work.name, 1e3 * load, 1e3 * first, base)


def _do(work: Workload, request: Request) -> Reply:
    if isinstance(request, Turn):
        return _block(work, request)
    if isinstance(request, Classify) and isinstance(work, NetworkFile):
        return Classes(work.classes())
    raise ValueError(f"{type(request).__name__} is nothing that {type(work).__name__} does")


def _block(work: Workload, turn: Turn) -> Block:
    work.turn(turn.number)
    _run_for(work, turn.warm_up, work.repeats)
    times, units, cpu = _run_for(work, turn.seconds, turn.queries)
    return Block(tuple(times), cpu, 1e3 * float(np.percentile(units, QUANTILE)), peak_rss_mb())


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


def _run_for(work: Workload, seconds: float, queries: int) -> tuple[list[float], list[float], float]:
    """Run one step after the other until time is up and the queries are done; after each slice, the yardstick.

    Returns:
        seconds of each query, of each unit of the yardstick, and of the processor without the yardstick.
    """
    times: list[float] = []
    units = [unit()]
    steps = -(-queries // work.repeats)
    cpu = 0.0
    cpu_begin = time.process_time()
    begin = now = slice_begin = time.perf_counter()
    while len(times) < steps or now - begin < seconds:
        work.step(len(times))
        end = time.perf_counter()
        times.append((end - now) / work.repeats)
        now = end
        if now - slice_begin >= SLICE:
            cpu += time.process_time() - cpu_begin
            units.append(unit())
            cpu_begin = time.process_time()
            now = slice_begin = time.perf_counter()
    return times, units, cpu + time.process_time() - cpu_begin


def _timed(work: Workload, index: int) -> float:
    start = time.perf_counter()
    work.step(index)
    return time.perf_counter() - start


def _failure(error: Exception) -> Failure:
    from edge.errors import EdgeError

    if isinstance(error, EdgeError):
        missing = isinstance(error.__cause__, ModuleNotFoundError)
        return Failure("no runtime" if missing else "failed", str(error))
    traceback.print_exc(file=sys.stderr)
    lines = str(error).splitlines() or [""]
    return Failure("failed", f"{type(error).__name__}: {lines[0]}")
