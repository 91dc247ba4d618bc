"""Sources for measuring: pictures made beforehand, in a loop or at a rate; files and cameras as in ``edge-run``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.pipeline.messages import Job
from bench.pipeline.scene import pictures
from edge.sources import Source, SourceOptions, open_source
from edge.sources.device import LostError, Picture
from edge.sources.live import LiveSource
from edge.sources.played import PlayedSource
from edge.types import Frame

#: The source made from the packaged portraits.
BUILT_IN = "built-in"

#: Size of its pictures unless told otherwise, and frames a second of their own clock, which tracking goes by.
SIZE = (640, 480)
FPS = 30.0


class Reel(PlayedSource):
    """Pictures made beforehand, round after round. Each comes in memory of its own, as from a camera's driver."""

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        """Take pictures, BGR ``[H, W, 3]``."""
        super().__init__(BUILT_IN, FPS, SourceOptions(loop=True), FPS)
        self._images = images

    def _play(self) -> Iterator[Callable[[], NDArray[np.uint8]]]:
        return (partial(np.copy, image) for image in self._images)


class Timed:
    """A source that is played, with a watch on how long each frame takes to be read, decoded, or made.

    Attributes:
        took: seconds of each frame so far.
    """

    live = False
    dropped = 0
    reconnects = 0

    def __init__(self, source: Source, size: tuple[int, int] | None = None) -> None:
        """Watch a source that is not live; its pictures are scaled to ``size``."""
        self.took: list[float] = []
        self.name, self.fps, self.notes = source.name, source.fps, source.notes
        self._source = source
        self._size = size

    @property
    def captured(self) -> int:
        """Frames that were read so far."""
        return self._source.captured

    @property
    def state(self) -> str:
        """See :class:`edge.sources.Source`."""
        return self._source.state

    def frames(self) -> Iterator[Frame | None]:
        """Yield the frames; see :class:`edge.sources.Source`."""
        frames = self._source.frames()
        while True:
            start = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            if self._size is not None and frame.image.shape[1::-1] != self._size:
                image = cv2.resize(frame.image, self._size, interpolation=cv2.INTER_AREA)
                frame = Frame(np.asarray(image, np.uint8), frame.time, frame.index, frame.captured)
            self.took.append(time.perf_counter() - start)
            yield frame

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class Projector:
    """A device that gives frames at their moment, whoever looks or not: a camera made of pictures.

    Attributes:
        missed: frames whose moment passed while the one before was still being made.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, source: Timed, rate: float) -> None:
        """Show a source at ``rate`` frames a second."""
        self.fps = rate
        self.missed = 0
        self._source = source
        self._frames = source.frames()
        self._due: float | None = None

    def read(self) -> Picture:
        """Wait for the next picture's moment; see :class:`edge.sources.device.Device`.

        Raises:
            LostError: there are no more.
        """
        now = time.perf_counter()
        due = now if self._due is None else self._due + 1 / self.fps
        late = int((now - due) * self.fps)
        if late > 0:
            self.missed += late
            due += late / self.fps
        self._due = due
        if due > now:
            time.sleep(due - now)
        frame = next(self._frames, None)
        if frame is None:
            raise LostError("it ended")
        return Picture(frame.image)

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class Opened:
    """A source that was opened for measuring.

    Attributes:
        source: what the pipeline reads.
        played: the one behind it that is played; None for a camera.
    """

    def __init__(self, job: Job, images: Sequence[NDArray[np.uint8]] | None = None) -> None:
        """Open what a job names.

        Args:
            job: names it.
            images: pictures of the built-in source, where they are made already.

        Raises:
            EdgeError: it can't be opened.
        """
        self.played: Timed | None = None
        self._projector: Projector | None = None
        if job.source == BUILT_IN:
            self.played = Timed(Reel(built_in(job) if images is None else images))
        else:
            source = open_source(job.source, SourceOptions(loop=True))
            if source.live:
                source.close()
                source = open_source(job.source, SourceOptions(size=job.size, fps=job.rate))
                self.source: Source = source
                return
            self.played = Timed(source, job.size)
        if job.rate is None:
            self.source = self.played
        else:
            self._projector = Projector(self.played, job.rate)
            projector = self._projector
            self.source = LiveSource(f"{self.played.name} at {job.rate:g} frames a second", lambda: projector)

    @property
    def came(self) -> int:
        """Frames that came so far, dropped ones included."""
        return self.source.captured + self._missed

    @property
    def dropped(self) -> int:
        """Frames that came and were not read."""
        return self.source.dropped + self._missed

    @property
    def _missed(self) -> int:
        return self._projector.missed if self._projector else 0

    def close(self) -> None:
        """Close both."""
        self.source.close()
        if self.played is not None and self.played is not self.source:
            self.played.close()


def built_in(job: Job) -> list[NDArray[np.uint8]]:
    """Return the pictures of the built-in source for a job; see :func:`bench.pipeline.scene.pictures`."""
    return pictures(job.faces, *(job.size or SIZE))


def check_source(job: Job) -> bool:
    """Open and close a source, so that a mistake is known before anything is measured; say whether it is a camera's.

    Raises:
        EdgeError: it can't be opened.
    """
    if job.source == BUILT_IN:
        built_in(job)
        return False
    opened = Opened(job)
    opened.close()
    return opened.played is None
