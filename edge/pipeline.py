"""Source to reader to outlets, until the source ends, somebody closes the window, or the run is interrupted.

Three things go on at once: the source is read ahead (or, live, keeps its newest frame), this loop finds faces and reads
emotions, and every sink works in a thread of its own.
"""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import FrameType

from edge.blur import Veil
from edge.controls import Controls
from edge.errors import EdgeError
from edge.governor import Governor
from edge.health import Health
from edge.memory import give_back
from edge.notify import ServiceManager
from edge.outlet import Outlet
from edge.prefetch import prefetched
from edge.reader import EmotionReader
from edge.sources import Source
from edge.summary import Summary
from edge.types import Frame, Result

#: How long the loop waits at a time where it has to, seconds: it looks up this often.
_PATIENCE = 0.1


#: Seconds between two times that freed memory is given back to the system.
_TIDY_EVERY = 60.0


class Pipeline:
    """One run. Whoever makes it closes the source, the reader and the outlets."""

    def __init__(
        self,
        source: Source,
        reader: EmotionReader,
        outlets: Sequence[Outlet],
        *,
        controls: Controls | None = None,
        health: Health | None = None,
        governor: Governor | None = None,
        summary: Summary | None = None,
        show: Callable[[Result], None] | None = None,
        recorder: Callable[[], Outlet] | None = None,
        blur: bool = False,
        max_frames: int | None = None,
        service: ServiceManager | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Put the parts together.

        Args:
            source: where frames come from.
            reader: what reads them.
            outlets: where results go, each to all of them.
            controls: a person's wishes.
            health: counts what happens.
            governor: decides which frames are read.
            summary: what the run amounts to.
            show: hands a result to the window.
            recorder: opens a recording when a person asks for one.
            blur: make faces unrecognisable before any sink sees the picture.
            max_frames: end after so many.
            service: is told that the run is ready and alive; a loop that hangs doesn't tell it.
            say: tells the person at the terminal something worth knowing.
        """
        self.source = source
        self.reader = reader
        self.controls = controls or Controls()
        self.health = health or Health()
        self.governor = governor or Governor(lambda _: None)
        self.summary = summary or Summary()
        self._outlets = list(outlets)
        self._show = show
        self._recorder = recorder
        self._recording: Outlet | None = None
        self._veil = Veil() if blur else None
        self._max_frames = max_frames
        self._service = service or ServiceManager({})
        self._say = say
        self._told = {"source": "ok"}
        self._tidied = time.monotonic()

    def run(self) -> Summary:
        """Process frames until there are no more.

        Raises:
            EdgeError: the source breaks off, or in an attended run a sink can't write; what was written before is
                complete and readable.
        """
        self._name()
        self._service.ready()
        try:
            with closing(prefetched(self.source)) as frames:  # type: ignore[type-var]
                for frame in frames:
                    self._look(frame)
                    if self.controls.stop.is_set():
                        break
                    if frame is None or not self._admitted():
                        continue
                    if not self._process(frame) or self.summary.frames == self._max_frames:
                        break
        finally:
            self._service.stopping()
            self._stop_recording()
        self._raise_what_sinks_met()
        return self.summary

    def _process(self, frame: Frame) -> bool:
        """Read one frame and hand out its result; False ends the run."""
        if not self.source.live:
            # A file's frame was decoded ahead and waited for its turn: no delay that anybody could notice.
            frame = dataclasses.replace(frame, captured=time.perf_counter())
        result = self.reader.process(frame, self.source.name, self.source.dropped)
        self.summary.add(result)
        self.health.count(len(result.readings), result.timings_ms)
        if self.governor.saw(result):
            self.health.adapted = self.governor.adapted
            self._say(self.governor.adapted or "the budget holds without help again")
        if self._veil:
            result = _veiled(result, self._veil)
        for outlet in self._outlets:
            outlet.put(result)
        if self._show:
            self._show(result)
        self._raise_what_sinks_met()
        return not any(outlet.finished for outlet in self._outlets)

    def _admitted(self) -> bool:
        """Say whether the frame at hand is read; False leaves it out, as only live sources do."""
        while not self.controls.may_pass(_PATIENCE):
            # A paused file keeps its frame; a camera goes on meanwhile, and shows the present afterwards.
            if self.source.live or self.controls.stop.is_set():
                return False
            self._look(None)
        while (delay := self.governor.delay()) > 0:
            if self.source.live:
                self.governor.skipped += 1
                self.health.skipped = self.governor.skipped
                return False
            if self.controls.stop.wait(min(delay, _PATIENCE)):
                return False
        return True

    def _look(self, frame: Frame | None) -> None:
        """Between frames: note how the source does, and do what a person asked for."""
        seen = self.health.source
        seen.state, seen.captured = self.source.state, self.source.captured
        seen.dropped, seen.reconnects = self.source.dropped, self.source.reconnects
        self.health.paused = self.controls.paused
        self._service.alive(self._status())
        if (now := time.monotonic()) - self._tidied > _TIDY_EVERY:
            self._tidied = now
            give_back()
        self._report("source", seen.state)
        change = self.controls.taken_change()
        if change is not None:
            try:
                self.reader.change(model=change.model, detector=change.detector)
                self.health.message = ""
            except EdgeError as error:
                self.health.message = str(error)
                self._say(str(error))
            self._name()
        if self._recorder and self.controls.recording != (self._recording is not None):
            if self.controls.recording:
                self._start_recording(self._recorder)
            else:
                self._stop_recording()

    def _status(self) -> str:
        """Say in one line what the run is about at this moment."""
        if self.controls.paused:
            return "paused"
        if self.health.source.state != "ok":
            return f"{self.source.name}: {self.health.source.state}"
        rate = self.health.rates()["processed"]
        return f"{self.source.name}: {rate:.0f} frames a second, {self.health.faces} faces"

    def _start_recording(self, recorder: Callable[[], Outlet]) -> None:
        try:
            self._recording = recorder()
        except EdgeError as error:
            self.health.message = str(error)
            self.controls.record(False)
        else:
            self._outlets.append(self._recording)

    def _stop_recording(self) -> None:
        if self._recording is not None:
            self._outlets.remove(self._recording)
            self._recording.close()
            self.health.forget(self._recording.name)
            self._recording = None

    def _raise_what_sinks_met(self) -> None:
        for outlet in self._outlets:
            if outlet.error is not None:
                raise outlet.error

    def _name(self) -> None:
        self.health.model = f"{self.reader.model.path.name} on {self.reader.model.engine.name}"
        self.health.detector = self.reader.detector_name
        self.health.source.name, self.health.source.live = self.source.name, self.source.live

    def _report(self, what: str, state: str) -> None:
        """Say once that something was lost, and once that it is back; not every second how long ago that was."""
        good, was_good = state == "ok", self._told[what] == "ok"
        if good != was_good:
            self._say(f"{what} {self.source.name}: {'back' if good else state}")
        self._told[what] = state


def _veiled(result: Result, veil: Veil) -> Result:
    """Return the result on a picture in which nobody is recognised."""
    frame = result.frame
    image = veil.cover(frame.image, [reading.face for reading in result.readings], frame.time)
    return dataclasses.replace(result, frame=dataclasses.replace(frame, image=image, lores=None))


@contextmanager
def stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM set ``stop``, so that files are finished; a second Ctrl-C interrupts."""

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)
