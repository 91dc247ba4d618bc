"""How fast frames become readings on this machine, and where the processor time goes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.environment import Environment, State, read_environment, read_state, remarks
from bench.pipeline.combinations import parse_size as whole_size
from bench.pipeline.cpu import metered
from bench.plain import PlainRecipe
from bench.records import SCHEMA_VERSION
from edge.errors import EdgeError
from edge.reader import EmotionReader
from edge.sources.files import VideoSource
from edge.types import Frame

Image = NDArray[np.uint8]

#: Most frames decoded beforehand: 600 of 640x480 are 0.55 GB.
MOST_FRAMES = 600

#: Seconds of one turn before the other loop has its turn, and of rest between: PyTorch's threads keep spinning for a
#: moment after their work, and must not do so in the other's time.
TURN = 1.0
REST = 0.3

#: Frames a second of the frames' own clock, which tracking and smoothing go by.
FPS = 30.0


class Stage(msgspec.Struct, frozen=True):
    """Processor time a frame, all threads of the process, milliseconds, and its share of the whole."""

    name: str
    cpu_ms: float
    share: float


class Throughput(msgspec.Struct, frozen=True):
    """One loop's figures.

    Attributes:
        frames: processed in the time measured.
        seconds: of wall clock they took.
        fps: one divided by the other.
        faces: found, each of them classified.
    """

    frames: int
    seconds: float
    fps: float
    faces: int


class LiveReport(msgspec.Struct, frozen=True):
    """What ``edge-bench live`` measured.

    Attributes:
        clip: the video.
        size: width and height of the frames, pixels.
        detector: name of the detector.
        search_interval: frames from one search to the next.
        ours: the runtime's loop.
        plain: the plain recipe's; None where it was left out.
        ratio: how many times as fast ours is.
        stages: where ours spends the processor's time.
        environment: the machine.
        before: its state before.
        after: its state after.
        remarks: what makes the figures doubtful.
    """

    clip: str
    size: tuple[int, int]
    detector: str
    search_interval: int
    ours: Throughput
    plain: Throughput | None
    ratio: float | None
    stages: tuple[Stage, ...]
    environment: Environment
    before: State
    after: State
    remarks: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION


@dataclasses.dataclass
class _Loop:
    """A loop over the frames that can be left and entered again."""

    process: Callable[[Image], int]
    images: Sequence[Image]
    frames: int = 0
    seconds: float = 0.0
    faces: int = 0

    def turn(self, seconds: float) -> None:
        """Go on for some time."""
        begin = now = time.perf_counter()
        while now - begin < seconds:
            self.faces += self.process(self.images[self.frames % len(self.images)])
            self.frames += 1
            now = time.perf_counter()
        self.seconds += now - begin

    @property
    def throughput(self) -> Throughput:
        return Throughput(self.frames, self.seconds, self.frames / self.seconds, self.faces)


class Reading:
    """The runtime, fed with pictures of an endless sequence."""

    def __init__(self, reader: EmotionReader) -> None:
        self.reader = reader
        self._index = 0

    def process(self, image: Image) -> int:
        """Read the next picture; return how many faces were classified."""
        result = self.reader.process(Frame(image, self._index / FPS, self._index))
        self._index += 1
        return len(result.readings)


def parse_size(size: str) -> tuple[int, int] | None:
    """Return width and height of ``"640x480"``; None for an empty text.

    Raises:
        EdgeError: neither.
    """
    return whole_size(size) if size else None


def load_frames(clip: Path, size: tuple[int, int] | None) -> list[Image]:
    """Decode a video, at most :data:`MOST_FRAMES`, resized if asked.

    Raises:
        EdgeError: it is no video OpenCV can read, or an empty one.
    """
    images: list[Image] = []
    source = VideoSource(clip)
    for frame in source.frames():
        if frame is not None:
            images.append(frame.image if size is None else np.asarray(cv2.resize(frame.image, size), np.uint8))
        if len(images) == MOST_FRAMES:
            break
    source.close()
    if not images:
        raise EdgeError(f"{clip} has no frames; give a video with faces")
    return images


def measure_live(
    clip: Path, images: Sequence[Image], reader: EmotionReader, *, detector: str, seconds: float, plain: bool
) -> LiveReport:
    """Time both loops in turns, then count the processor time of ours.

    Args:
        clip: name for the report.
        images: its frames, BGR ``[H, W, 3]``, decoded.
        reader: the runtime.
        detector: name for the report.
        seconds: how long each loop is timed, after a turn to warm up.
        plain: whether to run the plain recipe too.

    Raises:
        NotInstalledError: the plain recipe's packages are missing.
        EdgeError: nobody is found in the clip.
    """
    recipe = PlainRecipe() if plain else None
    reading = Reading(reader)
    loops = [_Loop(reading.process, images)] + ([_Loop(recipe.process, images)] if recipe else [])
    before = read_state()
    for loop in loops:
        _Loop(loop.process, images).turn(TURN)
    while loops[0].seconds < seconds:
        for loop in loops:
            time.sleep(REST)
            loop.turn(min(TURN, seconds))
    time.sleep(REST)
    stages = _stages(reading, images, seconds)
    after = read_state()
    if recipe:
        recipe.close()
    if not loops[0].faces:
        raise EdgeError(f"{clip}: no face was found; give a video with faces")
    environment = read_environment()
    ours, theirs = loops[0].throughput, loops[1].throughput if recipe else None
    return LiveReport(
        clip=str(clip),
        size=(images[0].shape[1], images[0].shape[0]),
        detector=detector,
        search_interval=reader.search_interval,
        ours=ours,
        plain=theirs,
        ratio=ours.fps / theirs.fps if theirs else None,
        stages=stages,
        environment=environment,
        before=before,
        after=after,
        remarks=tuple(remarks(environment, before, after)),
    )


def _stages(reading: Reading, images: Sequence[Image], seconds: float) -> tuple[Stage, ...]:
    """Run ours once more with a meter. What no stage accounts for, the loop around it included, is ``other``."""
    loop = _Loop(reading.process, images)
    start = time.process_time()
    with metered(reading.reader) as counted:
        loop.turn(seconds)
    total = time.process_time() - start
    names = {"detect": "detector", "crops": "crops", "classify": "classifier"}
    spent = {names[stage]: cpu for stage, cpu in counted.items()}
    spent["other"] = total - sum(spent.values())
    return tuple(Stage(name, 1e3 * cpu / loop.frames, cpu / total) for name, cpu in spent.items())


def show_live(report: LiveReport) -> str:
    """Return the report as text."""
    width, height = report.size
    environment = report.environment
    lines = [
        f"{report.clip}, {width}x{height}, decoded beforehand; {report.detector}, a search every "
        f"{report.search_interval} frames" + (" (every frame)" if report.search_interval == 1 else ""),
        f"on {environment.device or 'an unnamed machine'}, {environment.cpu.model or 'unknown processor'}",
        "",
        f"{'edge-run':22s} {_line(report.ours)}",
    ]
    if report.plain:
        lines.append(f"{'MediaPipe + ResNet-18':22s} {_line(report.plain)}")
        lines.append(f"{'ratio':22s} {report.ratio:8.1f}")
    lines += ["", f"{'processor time of':22s} {'ms/frame':>8s} {'share':>7s}"]
    lines += [f"{stage.name:22s} {stage.cpu_ms:8.3f} {100 * stage.share:5.1f} %" for stage in report.stages]
    lines += [f"note: {remark}" for remark in report.remarks]
    return "\n".join(lines)


def _line(loop: Throughput) -> str:
    return f"{loop.fps:8.1f} frames/s  {1e3 / loop.fps:7.2f} ms/frame  {loop.faces / loop.frames:.2f} faces/frame"
