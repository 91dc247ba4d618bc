"""What a person can ask of a running pipeline, from the window or the web page; the pipeline looks between frames."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Change:
    """A wish for another model or detector; None leaves what is there."""

    model: Path | None = None
    detector: str | None = None


class Controls:
    """Pause, single steps, another model or detector, recording, the end. Every method works from any thread."""

    def __init__(self) -> None:
        #: Set once the run is to end.
        self.stop = threading.Event()
        self._changed = threading.Condition()
        self._paused = False
        self._steps = 0
        self._change: Change | None = None
        self._recording = False

    @property
    def paused(self) -> bool:
        """Whether frames wait."""
        return self._paused

    @property
    def recording(self) -> bool:
        """Whether an annotated video is wanted at this moment."""
        return self._recording

    def pause(self, wanted: bool | None = None) -> None:
        """Pause or go on; None turns over what is."""
        with self._changed:
            self._paused = not self._paused if wanted is None else wanted
            self._steps = 0
            self._changed.notify_all()

    def step(self) -> None:
        """Let one frame through, and stay paused (or pause)."""
        with self._changed:
            self._paused = True
            self._steps += 1
            self._changed.notify_all()

    def record(self, wanted: bool | None = None) -> None:
        """Start or end a recording; None turns over what is."""
        with self._changed:
            self._recording = not self._recording if wanted is None else wanted

    def change(self, change: Change) -> None:
        """Ask for another model or detector, from the next frame on; a later wish for the same replaces an earlier."""
        with self._changed:
            before = self._change or Change()
            self._change = Change(change.model or before.model, change.detector or before.detector)
            self._changed.notify_all()

    def taken_change(self) -> Change | None:
        """Return the wish that waits, once."""
        with self._changed:
            change, self._change = self._change, None
            return change

    def may_pass(self, wait: float) -> bool:
        """Return whether the next frame may be processed, after at most ``wait`` seconds of being paused."""
        with self._changed:
            if self._paused and not self._steps:
                self._changed.wait(wait)
            if self._paused and not self._steps:
                return False
            self._steps = max(0, self._steps - 1)
            return True
