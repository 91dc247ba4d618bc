from __future__ import annotations

import math

import numpy as np
import pytest

from edge.bundle import Crop
from edge.preprocess import crop_face, crop_faces, eye_angle, resize
from edge.types import Face


def ramp(size: int = 200) -> np.ndarray:
    """A BGR picture whose blue is its column and whose green is its row."""
    image = np.zeros((size, size, 3), np.uint8)
    image[:, :, 0] = np.arange(size)[None, :]
    image[:, :, 1] = np.arange(size)[:, None]
    return image


UPRIGHT = Face((50, 60, 40, 40), 0.9, ((60, 75), (80, 75)))


def test_a_crop_of_scale_one_is_the_box_in_rgb() -> None:
    crop = crop_face(ramp(), UPRIGHT, Crop(), 40)
    expected = ramp()[60:100, 50:90, ::-1]
    np.testing.assert_array_equal(crop, expected)


def test_scale_and_shift_move_the_square() -> None:
    crop = crop_face(ramp(), UPRIGHT, Crop(scale=1.5, shift_y=-0.25), 60)
    np.testing.assert_array_equal(crop, ramp()[40:100, 40:100, ::-1])


@pytest.mark.parametrize("degrees", [-30, -10, 15, 45])
def test_the_eye_line_becomes_level(degrees: float) -> None:
    # Two bright eyes on a tilted line must lie in one row of the crop, right eye left of left eye.
    image = np.zeros((240, 240, 3), np.uint8)
    angle = math.radians(degrees)
    eyes = [(120 + d * math.cos(angle), 120 + d * math.sin(angle)) for d in (-20, 20)]
    for x, y in eyes:
        yy, xx = np.mgrid[0:240, 0:240]
        image[np.hypot(xx + 0.5 - x, yy + 0.5 - y) < 5] = 255
    crop = crop_face(image, Face((70, 70, 100, 100), 1.0, tuple(eyes)), Crop(), 100)[:, :, 0]
    left, right = crop[:, :50], crop[:, 50:]
    rows = [np.average(np.arange(100), weights=half.sum(axis=1)) for half in (left, right)]
    columns = [np.average(np.arange(50), weights=half.sum(axis=0)) for half in (left, right)]
    assert abs(rows[0] - rows[1]) < 0.6
    assert abs(rows[0] - 49.5) < 0.6
    assert abs(columns[0] - 29.5) < 0.6
    assert abs(columns[1] - 19.5) < 0.6


def test_alignment_can_be_off_and_far_angles_are_not_believed() -> None:
    tilted = Face((50, 60, 40, 40), 0.9, ((60, 70), (80, 80)))
    np.testing.assert_array_equal(crop_face(ramp(), tilted, Crop(align="none"), 40), ramp()[60:100, 50:90, ::-1])
    assert eye_angle(Face((0, 0, 1, 1), 1.0, ((10, 10), (0, 10)))) == 0.0  # upside down
    assert eye_angle(Face((0, 0, 1, 1), 1.0)) == 0.0


def test_outside_the_frame_its_border_repeats() -> None:
    crop = crop_face(ramp(), Face((-20, -20, 40, 40), 0.9), Crop(), 40)
    np.testing.assert_array_equal(crop[:20, :20], np.zeros((20, 20, 3)))
    np.testing.assert_array_equal(crop[20:, 20:], ramp()[:20, :20, ::-1])


def test_a_large_face_is_averaged_not_sampled() -> None:
    # One-pixel stripes: point sampling gives black, white, or moire; averaging gives middle gray.
    image = np.zeros((480, 480, 3), np.uint8)
    image[:, ::2] = 255
    crop = crop_face(image, Face((40, 40, 400, 400), 1.0), Crop(source_size=48), 64)
    assert crop.min() > 100
    assert crop.max() < 155


def test_source_size_limits_detail() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (96, 96, 3), np.uint8)
    soft, sharp = resize(image, 64, 48), resize(image, 64)
    assert soft.shape == sharp.shape == (64, 64, 3)
    assert soft.std() < sharp.std()
    np.testing.assert_array_equal(resize(image, 96), image)


def test_a_batch_is_its_crops() -> None:
    faces = [UPRIGHT, Face((10, 10, 80, 80), 0.8)]
    batch = crop_faces(ramp(), faces, Crop(), 32)
    assert batch.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(batch[1], crop_face(ramp(), faces[1], Crop(), 32))
    assert crop_faces(ramp(), [], Crop(), 32).shape == (0, 32, 32, 3)
