"""The library, as its five-line examples use it, and each engine that is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge import EmotionReader
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
