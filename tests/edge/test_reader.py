"""The library, as its five-line examples use it, and each engine that is installed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from edge import EmotionReader
from edge.errors import EdgeError
from edge.types import Frame


def test_a_picture(portraits: dict[str, np.ndarray]) -> None:
    with EmotionReader() as reader:
        (reading,) = reader.read(portraits["collins"])
        assert reading.emotion.label == "happiness"
        assert reading.face.id is None
        assert reader.read(np.zeros((100, 100, 3), np.uint8)) == []


def test_a_sequence_has_ids_timings_and_smoothing(portraits: dict[str, np.ndarray]) -> None:
    with EmotionReader(smoothing=10.0) as reader:
        first = reader.process(Frame(portraits["collins"], 0.0, 0), "test")
        # Another person at the same place, one frame later: the smoothed reading stays near the first one.
        second = reader.process(Frame(portraits["collins"][:, ::-1].copy(), 0.04, 1), "test", dropped=3)
    assert [r.face.id for r in first.readings] == [1]
    assert second.dropped == 3
    assert set(second.timings_ms) == {"detect", "track", "crop", "classify", "total"}
    assert abs(second.readings[0].emotion.valence - first.readings[0].emotion.valence) < 0.05


def test_latency_counts_from_the_frames_arrival(portraits: dict[str, np.ndarray]) -> None:
    with EmotionReader() as reader:
        arrived = time.perf_counter() - 0.2
        timings = reader.process(Frame(portraits["collins"], 0.0, 0, captured=arrived)).timings_ms
    assert timings["latency"] >= 200 + timings["total"]


def test_model_and_detector_change_between_frames_and_people_keep_their_ids(
    portraits: dict[str, np.ndarray], tmp_path: Path
) -> None:
    from edge.model import DEFAULT_MODEL

    with EmotionReader() as reader:
        first = [reader.process(Frame(portraits["collins"], index / 25, index)) for index in range(3)]
        assert [r.face.id for r in first[-1].readings] == [1]
        before = (reader.model, reader.detector)
        with pytest.raises(EdgeError, match="nowhere"):
            reader.change(model=tmp_path / "nowhere", detector="blazeface-short")
        with pytest.raises(EdgeError, match="haar"):
            reader.change(model=DEFAULT_MODEL / "model_int8.tflite", detector="haar")
        assert (reader.model, reader.detector) == before
        assert len(reader.process(Frame(portraits["collins"], 0.12, 3)).readings) == 1
        reader.change(model=DEFAULT_MODEL / "model_int8.tflite", detector="blazeface-full")
        assert reader.model is not before[0]
        assert reader.detector is not before[1]
        changed = reader.process(Frame(portraits["collins"], 0.16, 4))
        assert [r.face.id for r in changed.readings] == [1]
        assert changed.readings[0].emotion.label == "happiness"


def test_the_search_interval_is_at_least_one() -> None:
    with EmotionReader(search_interval=3) as reader:
        assert reader.search_interval == reader.following.interval == 3
        reader.search_interval = 1
        reader.change(detector="blazeface-short")
        assert reader.following.interval == 1
        with pytest.raises(EdgeError, match="0 frames"):
            reader.search_interval = 0


def test_the_number_of_faces_may_change_in_every_frame(portraits: dict[str, np.ndarray]) -> None:
    with EmotionReader() as reader:
        (face,) = reader.detector.detect(portraits["collins"])
        alone = reader.model.read(portraits["collins"], [face])[0]
        for count in (3, 1, 0, 2, 7, 1):
            readings = reader.model.read(portraits["collins"], [face] * count)
            assert len(readings) == count
            for emotion in readings:
                np.testing.assert_allclose(emotion.probabilities, alone.probabilities, atol=1e-5)


def test_many_faces_are_one_batch_with_the_same_readings(portraits: dict[str, np.ndarray]) -> None:
    with EmotionReader() as reader:
        image = portraits["collins"]
        (face,) = reader.detector.detect(image)
        alone = reader.model.read(image, [face])
        crowd = reader.model.read(image, [face] * 5)
    assert len(crowd) == 5
    for emotion in crowd:
        np.testing.assert_allclose(emotion.probabilities, alone[0].probabilities, atol=1e-5)


def test_a_model_named_by_file(tmp_path: Path) -> None:
    from edge.model import DEFAULT_MODEL, Model

    for path in sorted(DEFAULT_MODEL.iterdir()):
        if path.suffix in (".onnx", ".tflite"):
            if path.suffix == ".onnx":
                pytest.importorskip("onnxruntime")
            model = Model(path)
            size = model.bundle.config.input.size
            (emotion,) = model.classify(np.full((1, size, size, 3), 128, np.uint8))
            assert sum(emotion.probabilities) == pytest.approx(1, abs=1e-5)
            assert -1 <= emotion.valence <= 1 and -1 <= emotion.arousal <= 1
            model.close()
