"""The live window, for the main thread; the pipeline works in another and hands over what it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from edge.controls import Change, Controls
from edge.errors import EdgeError
from edge.health import Health
from edge.layers import LAYERS
from edge.overlay import HelpRow, Layout, Overlay, Status, title_screen
from edge.overlay.layout import BAR_HEIGHT
from edge.sinks.window.choices import Choice, names_of
from edge.sinks.window.display import Display
from edge.sinks.window.keys import action_of, help_rows
from edge.sinks.window.notes import STILL, Notes
from edge.sinks.window.pace import Pace
from edge.sinks.window.screenshots import keep
from edge.types import Result

#: Inside of the window before the first frame, and its largest one at the start, pixels.
_FIRST_SIZE, _LARGEST = (851, 480 + BAR_HEIGHT), (1280, 720)

#: Milliseconds between looks for a new result: while pictures move, and while they don't.
_BUSY, _IDLE = 8, 30

#: Seconds after which numbers are brought up to date although nothing else changed.
_REFRESH = 0.5


class Window:
    """Shows the newest result, and turns keys into wishes."""

    def __init__(
        self,
        overlay: Overlay,
        controls: Controls,
        health: Health,
        *,
        fps: float | None,
        live: bool,
        captures: Path,
        models: Sequence[Path] = (),
        detectors: Sequence[str] = (),
        hold: bool = False,
    ) -> None:
        """Open the window at once, before there is anything to show.

        Args:
            overlay: draws; its layers, mirror and person change with keys.
            controls: takes what keys ask of the pipeline.
            health: read for names, states and messages.
            fps: of the source; a file plays no faster.
            live: the source has its own pace.
            captures: folder of screenshots.
            models: files that keys go through (:func:`edge.sinks.window.models_of`).
            detectors: names that a key goes through.
            hold: when everything was shown, stay until somebody closes the window.

        Raises:
            EdgeError: there is no display, or this OpenCV has no windows.
        """
        self._overlay = overlay
        self._controls = controls
        self._health = health
        self._captures = captures
        self._models = list(models)
        self._model_choice, self._detector_choice = Choice(names_of(self._models)), Choice(detectors)
        self._hold = hold
        self._pace = Pace(fps, live)
        self._newest: Result | None = None
        self._shown: Result | None = None
        self._came = time.monotonic()
        self._help = False
        self._ended = False
        self._drawn: tuple[object, float] = (None, 0.0)
        self._notes = Notes(health)
        self._display = Display(_FIRST_SIZE)
        self._show()
        self._display.key(1)

    def offer(self, result: Result) -> None:
        """Hand over a result, from any one thread; returns when it is due, so that a file plays at its own speed.

        The window shows the newest it was given. Once the run is to end, nothing waits.
        """
        self._pace.wait(result.frame.time, self._controls.stop)
        self._newest = result

    def run(self, finished: threading.Event) -> None:
        """Show results and take keys until somebody closes the window, the run is stopped or ``finished`` is set.

        Main thread only: window toolkits want it. Closing the window asks for the run's end.
        """
        while not self._controls.stop.is_set():
            self._ended = finished.is_set()
            newest = self._newest
            if newest is not self._shown and newest is not None:
                if self._shown is None:
                    self._fit(newest)
                self._shown, self._came = newest, time.monotonic()
            if self._ended and not (self._hold and self._shown):
                break
            self._show()
            moving = not (self._controls.paused or self._ended)
            action = action_of(self._display.key(_BUSY if moving else _IDLE))
            if action:
                self._do(action)
            if action == "quit" or not self._display.is_open:
                self._controls.stop.set()
        self._show()

    def close(self) -> None:
        """Close the window."""
        self._display.close()

    def _show(self) -> None:
        """Draw and show, where something changed or numbers have grown old."""
        now = time.monotonic()
        if not self._display.is_open:
            return
        size, status, overlay = self._display.size, self._status(now), self._overlay
        lines = () if self._shown else self._title(now)
        seen = (id(self._shown), size, status, lines, overlay.layers, overlay.mirror, overlay.person)
        if seen == self._drawn[0] and now - self._drawn[1] < _REFRESH:
            return
        self._drawn = (seen, now)
        if self._shown:
            self._display.show(overlay.draw(self._shown, size=size, status=status))
        else:
            self._display.show(title_screen(size, lines, status))

    def _status(self, now: float) -> Status:
        paused = self._controls.paused and not self._ended
        still = 0.0 if paused or self._ended or not self._shown else now - self._came
        note = self._notes.now(still)
        text = "that was all; q closes" if self._ended and not note.text else note.text
        return Status(
            note=text,
            warning=note.warning and bool(note.text),
            paused=paused,
            recording=self._controls.recording,
            stale=self._shown is not None and bool(self._notes.trouble(still)),
            hint="space: go on   .: one frame   ?: all keys" if paused else "?: all keys",
            help=self._rows() if self._help else (),
        )

    def _rows(self) -> tuple[HelpRow, ...]:
        overlay, controls = self._overlay, self._controls
        on = {name: name in overlay.layers for name in LAYERS}
        on |= {"mirror": overlay.mirror, "pause": controls.paused, "record": controls.recording}
        return help_rows(on)

    def _title(self, now: float) -> tuple[str, ...]:
        """Return what is said instead of a picture, before there is one."""
        waited = now - self._came
        source = self._health.source
        trouble = source.state != "ok"
        head = "No picture" if trouble or waited > STILL else "Starting"
        if self._controls.paused:
            head = "Paused"
        facts = [f"{source.name}: {source.state}" if trouble else f"waiting for {source.name or 'the source'}"]
        if waited > STILL:
            facts.append(f"for {waited:.0f} s")
        names = [name for name in (self._health.model, self._health.detector) if name]
        return (head, "  ".join(facts), *names)

    def _fit(self, result: Result) -> None:
        """Give the window the size that suits the frames, unless somebody has already given it another."""
        if self._display.size != _FIRST_SIZE:
            return
        height, width = result.frame.image.shape[:2]
        wide, tall = Layout.natural(width, height, panel=True).size
        tall += BAR_HEIGHT
        scale = min(1.0, _LARGEST[0] / wide, _LARGEST[1] / tall)
        self._display.resize((round(wide * scale), round(tall * scale)))

    def _do(self, action: str) -> None:
        """Do what a key asks for."""
        overlay, controls, notes = self._overlay, self._controls, self._notes
        kind, _, name = action.partition(" ")
        match kind:
            case "layer":
                overlay.layers = overlay.layers ^ {name}
                needs = ", shown in the plot: v" if name == "trail" and "plot" not in overlay.layers else ""
                notes.say(f"{name} {'on' if name in overlay.layers else 'off'}{needs}")
            case "pause":
                controls.pause()
            case "step":
                controls.step()
            case "mirror":
                overlay.mirror = not overlay.mirror
                notes.say(f"mirror {'on' if overlay.mirror else 'off'}")
            case "next" | "previous":
                self._move(name, 1 if kind == "next" else -1)
            case "record":
                controls.record()
                notes.say(f"recording into {self._captures}" if controls.recording else "recording ended")
            case "help":
                self._help = not self._help
            case "screenshot":
                self._keep()

    def _move(self, what: str, steps: int) -> None:
        """Go to the next person, model or detector."""
        if what == "person":
            people = [r.face.id for r in self._shown.readings if r.face.id is not None] if self._shown else []
            round_ = [None, *people]
            at = round_.index(self._overlay.person) if self._overlay.person in round_ else 0
            self._overlay.person = person = round_[(at + steps) % len(round_)]
            self._notes.say("bars and trail of everybody" if person is None else f"bars and trail of {person} only")
            return
        choice = self._model_choice if what == "model" else self._detector_choice
        index = choice.move(steps, self._health.model if what == "model" else self._health.detector)
        if index is None:
            self._notes.say(f"there is no other {what} here")
            return
        self._notes.await_change(f"changing to {choice.names[index]} ...")
        change = Change(model=self._models[index]) if what == "model" else Change(detector=choice.names[index])
        self._controls.change(change)

    def _keep(self) -> None:
        """Keep what is shown as three files, in the frame's own size."""
        if not self._shown:
            self._notes.say("there is no picture yet")
            return
        try:
            path = keep(self._captures, self._shown, self._overlay.draw(self._shown))
        except EdgeError as error:
            self._notes.say(str(error), warning=True)
            return
        self._notes.say(f"kept {path}, and -plain.png and .json beside it")
