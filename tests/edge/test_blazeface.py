from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.detect import load_detector
from edge.detect.blazeface import FULL_RANGE, SHORT_RANGE, BlazeFace, Variant, anchors, decode, merge, overlap
from edge.errors import EdgeError
from edge.sources.files import VideoSource
from edge.types import Face

#: Face boxes seen by eye in the packaged portraits: centre and width, pixels.
PORTRAITS = {"hopper": (226, 196, 165), "collins": (225, 122, 105)}


def test_anchor_layout() -> None:
    short, full = anchors(SHORT_RANGE), anchors(FULL_RANGE)
    assert short.shape == (896, 2)
    assert full.shape == (2304, 2)
    # Two anchors a cell of 8 pixels, row by row; then six a cell of 16.
    np.testing.assert_allclose(short[[0, 1, 2, 32]], np.array([[4, 4], [4, 4], [12, 4], [4, 12]]) / 128)
    np.testing.assert_allclose(short[[512, 517, 518]], np.array([[8, 8], [8, 8], [24, 8]]) / 128)
    np.testing.assert_allclose(full[[0, 1, 48]], np.array([[2, 2], [6, 2], [2, 6]]) / 192)


def test_decoding_is_relative_to_the_anchor() -> None:
    raw = np.zeros((1, 16), np.float32)
    raw[0, :6] = (12.8, -12.8, 25.6, 51.2, 6.4, 0)
    values = decode(raw, np.array([[0.5, 0.5]], np.float32), 128)[0]
    np.testing.assert_allclose(values[:4], [0.5, 0.2, 0.7, 0.6], atol=1e-6)
    np.testing.assert_allclose(values[4:8], [0.55, 0.5, 0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize(
    ("other", "share"),
    [((0, 0, 2, 2), 1.0), ((1, 0, 3, 2), 1 / 3), ((2, 0, 4, 2), 0.0), ((5, 5, 6, 6), 0.0), ((1, 1, 1, 1), 0.0)],
)
def test_overlap(other: tuple[float, ...], share: float) -> None:
    box = (0, 0, 2, 2)
    assert overlap(box, other) == overlap(other, box) == pytest.approx(share)


def test_overlapping_detections_become_their_weighted_mean() -> None:
    values = np.zeros((3, 16), np.float32)
    values[:, :4] = [(0.1, 0.1, 0.3, 0.3), (0.12, 0.1, 0.32, 0.3), (0.6, 0.6, 0.8, 0.8)]
    merged = merge(values, [0.9, 0.6, 0.7])
    assert [round(score, 3) for _, score in merged] == [0.9, 0.7]
    assert merged[0][0][0] == pytest.approx((0.9 * 0.1 + 0.6 * 0.12) / 1.5)
    np.testing.assert_allclose(merged[1][0][:4], (0.6, 0.6, 0.8, 0.8))


@pytest.mark.parametrize("name", ["blazeface", "blazeface-short", "blazeface-full"])
def test_portraits_are_found_where_they_are(name: str, portraits: dict[str, np.ndarray]) -> None:
    detector = load_detector(name)
    for portrait, (cx, cy, width) in PORTRAITS.items():
        (face,) = detector.detect(portraits[portrait])
        x, y, w, h = face.box
        assert abs(x + w / 2 - cx) < 0.15 * width
        assert abs(y + h / 2 - cy) < 0.15 * width
        assert 0.8 < w / width < 1.25
        right, left, nose, mouth, right_ear, left_ear = face.landmarks
        assert right_ear[0] < right[0] < nose[0] < left[0] < left_ear[0]
        assert max(right[1], left[1]) < nose[1] < mouth[1]
    assert detector.detect(np.full((480, 640, 3), 128, np.uint8)) == []


def test_near_and_far_without_any_flag(portraits: dict[str, np.ndarray]) -> None:
    portrait = portraits["collins"]
    near = portrait[50:200, 150:300]
    far = np.full((540, 960, 3), 90, np.uint8)
    small = cv2.resize(portrait, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    far[200 : 200 + small.shape[0], 500 : 500 + small.shape[1]] = small
    detector = load_detector()
    assert len(detector.detect(near)) == 1
    (face,) = detector.detect(far)
    assert face.box[2] < 0.08 * 960
    assert load_detector("blazeface-short").detect(far) == []  # which is why the default is not the short-range model


@pytest.mark.parametrize("variant", [SHORT_RANGE, FULL_RANGE], ids=["short", "full"])
def test_same_as_mediapipe(variant: Variant, portraits: dict[str, np.ndarray], clips: Path) -> None:
    """Every face MediaPipe Tasks finds with the same weights, and no other, at the same place.

    MediaPipe rounds boxes to whole pixels, so those get a pixel on each side; landmarks come unrounded.
    """
    pytest.importorskip("mediapipe")
    from edge.detect.mediapipe import MediaPipeDetector

    images = [*portraits.values()]
    for clip in sorted(clips.glob("*.mp4")):
        images += [frame.image for frame in VideoSource(clip).frames() if frame.index % 12 == 0]
    # Faces at the very edge of the threshold may fall on either side of it: each side is asked a little below.
    ours, theirs = BlazeFace(variant, 0.45), MediaPipeDetector(variant, 0.45)
    boxes, landmarks, scores = [], [], []
    try:
        for image in images:
            mine, reference = ours.detect(image), theirs.detect(image)
            for some, others in ((mine, reference), (reference, mine)):
                assert all(_twin(face, others) is not None for face in some if face.score > 0.5)
            for face in reference:
                twin = _twin(face, mine)
                if twin:
                    boxes.append((np.abs(np.array(twin.box) - face.box).max() - 1) / face.box[2])
                    landmarks.append(np.abs(np.array(twin.landmarks) - face.landmarks).max() / face.box[2])
                    scores.append(abs(twin.score - face.score))
    finally:
        theirs.close()
    assert len(landmarks) > 20
    assert np.median(landmarks) < 0.01
    assert np.max(landmarks) < 0.03
    assert np.max(boxes) < 0.02
    assert np.max(scores) < 0.05


def _twin(face: Face, others: list[Face]) -> Face | None:
    """The other detector's face whose centre lies within this one's box."""
    x, y, w, h = face.box
    near = [o for o in others if x < o.box[0] + o.box[2] / 2 < x + w and y < o.box[1] + o.box[3] / 2 < y + h]
    return near[0] if near else None


def test_a_damaged_asset_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import edge.assets

    (tmp_path / FULL_RANGE.file).write_bytes(b"no model")
    monkeypatch.setattr(edge.assets, "ASSETS", tmp_path)
    with pytest.raises(EdgeError, match=r"blaze_face_full_range\.tflite is damaged"):
        BlazeFace(FULL_RANGE)


@pytest.mark.parametrize(
    ("name", "model", "says"),
    [
        ("haar", None, "unknown detector 'haar'"),
        ("yunet", None, "needs its model file"),
        ("yunet", Path("nowhere.onnx"), "nowhere.onnx is missing"),
        ("yunet", Path(__file__), "not a YuNet model"),
    ],
)
def test_wrong_detectors(name: str, model: Path | None, says: str) -> None:
    with pytest.raises(EdgeError, match=says):
        load_detector(name, model=model)
