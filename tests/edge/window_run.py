"""A run in a window, for the tests: a real window and reader, and on standard output what reaches the pipeline."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import threading
import time
from pathlib import Path

from edge import EmotionReader
from edge.controls import Controls
from edge.health import Health
from edge.overlay import Overlay
from edge.sinks.window import Window
from edge.sources import open_source
from edge.sources.options import SourceOptions
from edge.types import Result


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def wandering(result: Result) -> Result:
    """Move each reading about the valence-arousal plane: two portraits stay where they are, and leave no trail."""
    angle = result.frame.time
    readings = [
        dataclasses.replace(
            reading,
            emotion=dataclasses.replace(reading.emotion, valence=0.8 * math.cos(angle), arousal=0.8 * math.sin(angle)),
        )
        for reading in result.readings
    ]
    return dataclasses.replace(result, readings=tuple(readings))


def work(window: Window, controls: Controls, health: Health, commands: list[str]) -> None:
    """Do what a pipeline does, and what the tests ask for on standard input: lose the source, get it back."""
    source = open_source("demo", SourceOptions(loop=True))
    with EmotionReader(threads=1) as reader:
        health.source.name, health.source.live = "demo", False
        health.model, health.detector = "model_int8.tflite on LiteRT", "blazeface"
        recording = False
        for frame in source.frames():
            assert frame is not None
            while True:
                change = controls.taken_change()
                if change is not None:
                    say(model=change.model and change.model.name, detector=change.detector)
                    if change.detector == "blazeface-broken":
                        health.message = "the detector blazeface-broken is not installed; add it"
                    health.detector = change.detector or health.detector
                    health.model = f"{change.model.name} on LiteRT" if change.model else health.model
                if controls.recording != recording:
                    recording = controls.recording
                    say(recording=recording)
                health.source.state = "lost 4 s ago, opening again" if "lost" in commands[-1:] else "ok"
                if controls.stop.is_set():
                    return
                if health.source.state == "ok" and controls.may_pass(0.05):
                    break
                time.sleep(0.01)
            result = wandering(reader.process(frame, "demo"))
            health.source.captured += 1
            health.count(len(result.readings), result.timings_ms)
            window.offer(result)
            say(frame=frame.index)


def main() -> None:
    captures, models = Path(sys.argv[1]), [Path(name) for name in sys.argv[2].split(",")]
    controls, health = Controls(), Health()
    window = Window(
        Overlay(health=health),
        controls,
        health,
        fps=25,
        live=False,
        captures=captures,
        models=models,
        detectors=["blazeface", "blazeface-short", "blazeface-broken"],
    )
    say(opened=True)
    commands: list[str] = [sys.stdin.readline().strip()]  # nothing is read before the test has seen the first screen

    def listen() -> None:
        for line in sys.stdin:
            commands.append(line.strip())

    threading.Thread(target=listen, daemon=True).start()
    finished = threading.Event()
    worker = threading.Thread(target=work, args=(window, controls, health, commands))
    worker.start()
    window.run(finished)
    worker.join()
    window.close()
    say(ended=True)


if __name__ == "__main__":
    main()
