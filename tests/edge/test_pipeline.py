"""The loop between source and sinks, with the real reader on the packaged portraits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.controls import Change, Controls
from edge.errors import EdgeError
from edge.governor import Governor
from edge.health import Health
from edge.model import DEFAULT_MODEL
from edge.outlet import Outlet
from edge.pipeline import Pipeline
from edge.prefetch import prefetched
from edge.reader import EmotionReader
from edge.sources import Source, open_source
from edge.types import Frame, Result


class Pictures:
    """A source of one picture, again and again; counts what is taken of it."""

    name = "pictures"
    dropped = reconnects = 0
    state = "ok"
    fps: float | None = 25.0
    notes: tuple[str, ...] = ()

    def __init__(self, image: np.ndarray, count: int, *, live: bool = False, error: EdgeError | None = None) -> None:
        self.live = live
        self.captured = 0
        self._image = image
        self._count = count
        self._error = error

    def frames(self) -> Iterator[Frame | None]:
        for index in range(self._count):
            self.captured += 1
            yield Frame(self._image, index / 25, index, time.perf_counter())
        if self._error:
            raise self._error

    def close(self) -> None:
        pass


class Kept:
    """A sink that keeps results."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def write(self, result: Result) -> bool:
        self.results.append(result)
        return True

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def reader() -> Iterator[EmotionReader]:
    with EmotionReader(threads=1) as opened:
        yield opened


@pytest.fixture
def face(portraits: dict[str, np.ndarray]) -> np.ndarray:
    return portraits["collins"]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def start(pipeline: Pipeline) -> threading.Thread:
    thread = threading.Thread(target=pipeline.run, daemon=True)
    thread.start()
    return thread


def test_a_file_is_read_to_its_end_and_everything_is_counted(reader: EmotionReader, face: np.ndarray) -> None:
    kept, health = Kept(), Health()
    outlet = Outlet("kept", lambda: kept, health)
    summary = Pipeline(Pictures(face, 12), reader, [outlet], health=health).run()
    outlet.close()
    assert [r.frame.index for r in kept.results] == list(range(12))
    assert all(len(r.readings) == 1 for r in kept.results)
    assert summary.frames == health.processed == 12
    assert health.snapshot()["source"]["name"] == "pictures"
    assert "model_int8.tflite" in health.model
    assert all(r.timings_ms["latency"] >= r.timings_ms["total"] for r in kept.results)


def test_an_error_of_the_source_comes_after_its_last_frame(reader: EmotionReader, face: np.ndarray) -> None:
    kept, health = Kept(), Health()
    outlet = Outlet("kept", lambda: kept, health)
    with pytest.raises(EdgeError, match="breaks off"):
        Pipeline(Pictures(face, 5, error=EdgeError("it breaks off")), reader, [outlet]).run()
    outlet.close()
    assert len(kept.results) == 5


def test_a_paused_file_keeps_its_frames_and_steps_one_by_one(reader: EmotionReader, face: np.ndarray) -> None:
    kept, health, controls = Kept(), Health(), Controls()
    outlet = Outlet("kept", lambda: kept, health)
    controls.pause(True)
    thread = start(Pipeline(Pictures(face, 4), reader, [outlet], controls=controls, health=health))
    until(lambda: health.paused)
    for steps in (1, 2):
        controls.step()
        until(lambda steps=steps: len(kept.results) == steps)  # type: ignore[misc]
        time.sleep(0.15)  # a frame that shouldn't come would have come by now
        assert len(kept.results) == steps
    controls.pause(False)
    thread.join(20)
    outlet.close()
    assert [r.frame.index for r in kept.results] == [0, 1, 2, 3]


def test_a_paused_camera_shows_the_present_afterwards(reader: EmotionReader, face: np.ndarray) -> None:
    controls, kept = Controls(), Kept()
    source = Pictures(face, 10**6, live=True)
    outlet = Outlet("kept", lambda: kept, Health(), attended=False)
    controls.pause(True)
    thread = start(Pipeline(source, reader, [outlet], controls=controls))
    until(lambda: source.captured > 3)
    missed = source.captured
    controls.pause(False)
    until(lambda: len(kept.results) > 0)
    controls.stop.set()
    thread.join(20)
    outlet.close()
    assert kept.results[0].frame.index >= missed - 1


def test_stop_ends_a_paused_run(reader: EmotionReader, face: np.ndarray) -> None:
    controls = Controls()
    controls.pause(True)
    thread = start(Pipeline(Pictures(face, 3), reader, [], controls=controls))
    controls.stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_another_model_and_detector_while_running(face: np.ndarray) -> None:
    pytest.importorskip("onnxruntime")
    controls, health, kept = Controls(), Health(), Kept()
    with EmotionReader(threads=1) as own:
        outlet = Outlet("kept", lambda: kept, health, attended=False)
        thread = start(Pipeline(Pictures(face, 10**6, live=True), own, [outlet], controls=controls, health=health))
        until(lambda: len(kept.results) > 2)
        controls.change(Change(model=DEFAULT_MODEL / "model_int8.onnx", detector="blazeface-short"))
        until(lambda: "model_int8.onnx" in health.model)
        assert health.detector == "blazeface-short"
        controls.change(Change(model=Path("nowhere.onnx")))
        until(lambda: health.message != "")
        assert "nowhere.onnx" in health.message
        assert "model_int8.onnx" in health.model  # what was there goes on
        seen = health.processed
        until(lambda: health.processed > seen + 2)
        controls.stop.set()
        thread.join(20)
        outlet.close()
    ids = {reading.face.id for result in kept.results for reading in result.readings}
    assert ids == {1}  # the person stays the same one


def test_blur_comes_before_every_sink_and_leaves_the_reading(reader: EmotionReader, face: np.ndarray) -> None:
    kept, shown = Kept(), Kept()
    outlet = Outlet("kept", lambda: kept, Health())
    source = Pictures(face, 1)
    Pipeline(source, reader, [outlet], blur=True, show=lambda result: shown.results.append(result)).run()
    outlet.close()
    for result in (kept.results[0], shown.results[0]):
        (reading,) = result.readings
        x, y, w, h = (round(value) for value in reading.face.box)
        inside, before = result.frame.image[y : y + h, x : x + w], face[y : y + h, x : x + w]
        assert np.abs(inside.astype(int) - before).mean() > 8
        assert reader.read(result.frame.image) == []  # nobody is found any more
        assert result.frame.lores is None
    assert reader.read(face)  # the source's own picture is untouched


def test_a_recording_begins_and_ends_on_demand(reader: EmotionReader, face: np.ndarray) -> None:
    controls, health, kept = Controls(), Health(), Kept()
    source = Pictures(face, 10**6, live=True)
    pipeline = Pipeline(
        source,
        reader,
        [],
        controls=controls,
        health=health,
        recorder=lambda: Outlet("recording", lambda: kept, health, attended=False),
    )
    thread = start(pipeline)
    until(lambda: health.processed > 1)
    assert kept.results == []
    controls.record(True)
    until(lambda: len(kept.results) > 2)
    controls.record(False)
    until(lambda: "recording" not in health.sinks)
    recorded, seen = len(kept.results), health.processed
    until(lambda: health.processed > seen + 2)
    assert len(kept.results) == recorded
    controls.stop.set()
    thread.join(20)


def test_a_recording_that_cannot_begin_is_said_and_the_run_goes_on(reader: EmotionReader, face: np.ndarray) -> None:
    def refuse() -> Outlet:
        raise EdgeError("cannot write captures/x.mp4: Permission denied")

    controls, health = Controls(), Health()
    source = Pictures(face, 10**6, live=True)
    thread = start(Pipeline(source, reader, [], controls=controls, health=health, recorder=refuse))
    controls.record(True)
    until(lambda: "Permission denied" in health.message)
    assert not controls.recording
    controls.stop.set()
    thread.join(20)


def test_a_live_source_is_thinned_out_and_a_file_waits(reader: EmotionReader, face: np.ndarray) -> None:
    health = Health()
    live = Pipeline(
        Pictures(face, 10**7, live=True),
        reader,
        [],
        health=health,
        governor=Governor(lambda _: None, max_fps=5),
        max_frames=5,
    ).run()
    assert live.frames == 5
    assert health.skipped > 0
    waited = Health()
    file = Pipeline(Pictures(face, 8), reader, [], health=waited, governor=Governor(lambda _: None, max_fps=50)).run()
    assert (file.frames, waited.skipped) == (8, 0)


def test_reading_ahead_keeps_order_passes_errors_on_and_leaves_no_thread(face: np.ndarray) -> None:
    before = threading.active_count()
    ahead = prefetched(Pictures(face, 30, error=EdgeError("end")))
    seen = []
    with pytest.raises(EdgeError, match="end"):
        for frame in ahead:
            assert frame is not None
            seen.append(frame.index)
    assert seen == list(range(30))
    early: Iterator[Frame | None] = prefetched(open_source("demo"))
    next(early)
    early.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_pictures_is_a_source(face: np.ndarray) -> None:
    source: Source = Pictures(face, 1)
    assert [frame.index for frame in source.frames() if frame] == [0]
