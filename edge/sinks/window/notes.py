"""The sentence in the status bar: what a key did, what is being waited for, what the source does."""

from __future__ import annotations

import dataclasses
import time

from edge.health import Health

#: Seconds that a note stays, and a warning, and the wait for a change before it is given up.
_SHORT, _LONG, _PATIENCE = 3.0, 8.0, 30.0

#: Without a new picture for so many seconds, somebody should be told.
STILL = 3.0


@dataclasses.dataclass(frozen=True)
class Note:
    """A sentence and whether it is about something wrong."""

    text: str = ""
    warning: bool = False


class Notes:
    """Chooses what is said at this moment. Main thread only."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._said = Note()
        self._until = 0.0
        self._awaited = ""
        self._before = ("", "")
        self._since = 0.0
        self._message = health.message

    def say(self, text: str, *, warning: bool = False) -> None:
        """Show a sentence for some seconds."""
        self._said = Note(text, warning)
        self._until = time.monotonic() + (_LONG if warning else _SHORT)

    def await_change(self, text: str) -> None:
        """Show a sentence until model or detector are another, or could not be changed."""
        self._health.message = self._message = ""
        self._awaited, self._before, self._since = text, self._names, time.monotonic()
        self._until = 0.0

    def now(self, still_for: float) -> Note:
        """Return what to say now; ``still_for`` is how long ago the last picture came, seconds, 0 while paused."""
        now = time.monotonic()
        if self._health.message != self._message:
            self._message = self._health.message
            if self._message:
                self._awaited = ""
                self.say(self._message, warning=True)
        if self._awaited:
            if self._names != self._before:
                self.say(f"now {self._health.model}, detector {self._health.detector}")
                self._awaited = ""
            elif now - self._since > _PATIENCE:
                self._awaited = ""
        if now < self._until:
            return self._said
        if self._awaited:
            return Note(self._awaited)
        return Note(self.trouble(still_for), True)

    def trouble(self, still_for: float) -> str:
        """Return why no pictures come; nothing while they do."""
        source = self._health.source
        if source.state != "ok":
            return f"{source.name}: {source.state}" if source.name else source.state
        if still_for > STILL:
            return f"no new picture for {still_for:.0f} s"
        return ""

    @property
    def _names(self) -> tuple[str, str]:
        return self._health.model, self._health.detector
