"""What is played from its beginning: files, folders and the demo; once or without end, at any speed or its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.sources.options import SourceOptions
from edge.types import Frame

#: How long the wait for a frame's moment lasts before the reader may look up, seconds.
_PATIENCE = 0.1

#: Whoever takes so much longer than a frame lasts (a pause, a machine asleep) finds the source where it stood, seconds.
_PAUSE = 2.0


class PlayedSource:
    """Base of the sources that are played; see :class:`edge.sources.Source`.

    Every frame is given, in order; ``realtime`` gives each at its moment, and drops what comes too late, as a camera
    does. ``time`` counts the seconds of the source, over all its repetitions, dropped frames included, and never the
    clock on the wall.
    """

    reconnects = 0
    state = "ok"

    def __init__(self, name: str, fps: float | None, options: SourceOptions | None, rate: float) -> None:
        """Prepare.

        Args:
            name: for events and reports.
            fps: frames a second as the source states them.
            options: ``loop`` and ``realtime`` count; what only a camera can do becomes a note.
            rate: frames a second that ``time`` is counted with.
        """
        options = options or SourceOptions()
        self.name = name
        self.fps = fps
        self.live = options.realtime
        self.captured = 0
        self.dropped = 0
        flags = options.camera_flags()
        self.notes = (f"{', '.join(flags)}: for cameras only; this is played as it is",) if flags else ()
        self._loop = options.loop
        self._rate = rate
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame | None]:
        """Yield frames; with ``realtime``, None now and then while the next one's moment has not come.

        Raises:
            EdgeError: it is damaged, gone, or holds no frames at all.
        """
        clock = _Clock(self._rate) if self.live else None
        while True:
            before = self.captured
            for picture in self._play():
                index = self.captured
                self.captured += 1
                if clock is not None:
                    if clock.missed(index):
                        self.dropped += 1
                        continue
                    while (wait := clock.until(index)) > 0 and not self._closed.wait(min(wait, _PATIENCE)):
                        if wait > _PATIENCE:
                            yield None
                if self._closed.is_set():
                    return
                image = picture()
                yield Frame(image, index / self._rate, index, time.perf_counter())
                if clock is not None:
                    clock.look(index + 1)
            if self.captured == before:
                raise EdgeError(f"{self.name} holds no frames; give another file")
            if not self._loop:
                return

    def close(self) -> None:
        """Stop; a wait for a frame's moment ends at once."""
        self._closed.set()

    def _play(self) -> Iterator[Callable[[], NDArray[np.uint8]]]:
        """Go through the frames once; each comes as what makes its picture, so that a dropped one needs no making."""
        raise NotImplementedError


class _Clock:
    """Says when a frame is due; runs from the first question on."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._started: float | None = None
        self._newest = 0

    def until(self, index: int) -> float:
        """Return the seconds until a frame is due, negative after it was."""
        now = time.perf_counter()
        if self._started is None:
            self._started = now - index / self._rate
        return self._started + index / self._rate - now

    def missed(self, index: int) -> bool:
        """Return whether a later frame was due already at the last look."""
        return index < self._newest

    def look(self, index: int) -> None:
        """Note which frame is due, now that ``index`` is the next one.

        Only here, and not at each dropped frame: a machine too slow to decode at full speed would drop for ever.
        """
        late = -self.until(index)
        if late > _PAUSE:
            self._started = None
            late = 0.0
        self._newest = index + int(max(0.0, late) * self._rate)
