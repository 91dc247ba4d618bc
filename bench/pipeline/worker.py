"""The process in which the pipeline runs, so that memory, processor time and crashes belong to one row alone.

Started by :mod:`bench.pipeline.process`. Requests come on standard input; answers go to what was standard output, which
then leads to standard error, since runtimes print whatever they like.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.pipeline.cpu import metered
from bench.pipeline.messages import Done, Failure, Job, Loaded, Reply, Request, Turn
from bench.pipeline.sources import BUILT_IN, Opened, built_in
from bench.pipeline.watch import TimedSink, Watch
from bench.worker import peak_rss_mb
from edge.controls import Controls
from edge.errors import EdgeError
from edge.health import Health
from edge.outlet import Outlet
from edge.pipeline import Pipeline
from edge.reader import EmotionReader
from edge.sinks import Sink

#: Frames that are decoded at a time before the processor time of reading them is counted: a decoder has threads of its
#: own, which must be done by then.
_CHUNK = 20

#: Seconds without a result after which a camera or stream is given up.
_SILENCE = 20.0

#: Searches after which a new sequence is followed as it is for the rest of it.
_SETTLED = 3


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def answer(reply: Reply) -> None:
        answers.write(msgspec.json.encode(reply) + b"\n")

    try:
        _serve(answer)
    except EdgeError as error:
        missing = isinstance(error.__cause__, ModuleNotFoundError) or str(error).startswith("--device cuda")
        answer(Failure(" ".join(str(error).split()), missing))
    except BrokenPipeError:
        return  # nobody waits any more
    except Exception as error:  # runtimes raise whatever they like; one row must not stop the others
        traceback.print_exc()
        answer(Failure(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"))


def _serve(answer: Callable[[Reply], None]) -> None:
    lines = iter(sys.stdin.buffer.readline, b"")
    job = msgspec.json.decode(next(lines), type=Job)
    cv2.setNumThreads(1)  # as edge-run does
    images = built_in(job) if job.source == BUILT_IN else None
    base = peak_rss_mb()
    start = time.perf_counter()
    with EmotionReader(
        Path(job.model),
        device=job.device,
        threads=job.threads,
        detector=job.detector,
        search_interval=job.search_interval,
    ) as reader:
        taken = time.perf_counter() - start
        answer(Loaded(reader.model.engine.name, reader.model.bundle.config.input.size, 1e3 * taken, base))
        for line in lines:
            request: Any = msgspec.json.decode(line, type=Request)
            answer(_turn(reader, job, images, request, answer))


def _turn(
    reader: EmotionReader,
    job: Job,
    images: Sequence[NDArray[np.uint8]] | None,
    turn: Turn,
    answer: Callable[[Reply], None],
) -> Done:
    """Run the pipeline, as edge-run does without a window, for as long as the turn asks."""
    opened = Opened(job, images)
    controls, health = Controls(), Health()
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as folder:
        outlets: list[Outlet] = []
        try:
            for name, make in _sinks(job, opened, health, Path(folder)):
                attended = not opened.source.live
                outlets.append(Outlet(name, _timed(make, took.setdefault(name, [])), health, attended=attended))
            watch = Watch(turn, opened, took, answer, controls.stop.set, lambda: reader.following.searched)
            with _patience(watch, opened, controls):
                Pipeline(opened.source, reader, outlets, controls=controls, health=health, show=watch.take).run()
        finally:
            for outlet in outlets:
                outlet.close()
            opened.close()
    return Done(_stages(reader, job, images, turn.metered))


@contextmanager
def _patience(watch: Watch, opened: Opened, controls: Controls) -> Iterator[None]:
    """End the pipeline where a camera or stream gives no pictures: edge-run would wait for it for ever.

    Raises:
        EdgeError: it did.
    """
    over = threading.Event()
    silent: list[str] = []

    def look() -> None:
        while not over.wait(1.0):
            if time.monotonic() - watch.last > _SILENCE:
                silent.append(opened.source.state)
                controls.stop.set()
                return

    thread = threading.Thread(target=look, name="patience", daemon=True)
    if opened.source.live:
        thread.start()
    try:
        yield
    finally:
        over.set()
    if silent:
        raise EdgeError(f"{opened.source.name}: no picture for {_SILENCE:.0f} s ({silent[0]})")


def _sinks(job: Job, opened: Opened, health: Health, folder: Path) -> list[tuple[str, Callable[[], Sink]]]:
    """JSON Lines that nobody keeps, since hours of them would fill a disk; a video if it is asked for."""
    from edge.sinks.jsonl import JsonLinesSink

    found: list[tuple[str, Callable[[], Sink]]] = [("jsonl", lambda: JsonLinesSink(Path(os.devnull)))]
    if job.video:
        from edge.layers import parse_layers
        from edge.overlay import Overlay
        from edge.sinks.video import VideoSink

        overlay = Overlay(parse_layers("default"), health)
        source = opened.source
        found.append(("video", lambda: VideoSink(folder / "read.avi", source.fps, overlay, live=source.live)))
    return found


def _timed(make: Callable[[], Sink], took: list[float]) -> Callable[[], Sink]:
    return lambda: TimedSink(make(), took)


def _stages(
    reader: EmotionReader, job: Job, images: Sequence[NDArray[np.uint8]] | None, seconds: float
) -> dict[str, float]:
    """Read frames with a meter on the stages, nothing else going on; empty for a camera, which would go on."""
    if seconds <= 0:
        return {}
    opened = Opened(msgspec.structs.replace(job, rate=None), images)
    chunk = min(max(_CHUNK, job.search_interval), 2 * _CHUNK)
    try:
        if opened.played is None:
            return {}
        frames = opened.played.frames()
        for frame in islice(frames, _SETTLED * job.search_interval):
            if frame is not None:
                reader.process(frame)
        count, end = 0, time.perf_counter() + seconds
        with metered(reader) as spent:
            while count < chunk or time.perf_counter() < end:
                for frame in list(islice(frames, chunk)):
                    if frame is not None:
                        reader.process(frame)
                        count += 1
        return {name: 1e3 * used / count for name, used in spent.items()}
    finally:
        opened.close()
