"""Blur: nothing of a face is left in the picture, nothing else of the picture is changed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from edge.blur import Veil, blurred
from edge.reader import EmotionReader
from edge.types import Face


@pytest.fixture(scope="module")
def reader() -> Iterator[EmotionReader]:
    with EmotionReader(threads=1) as opened:
        yield opened


def inside(image: np.ndarray, face: Face) -> np.ndarray:
    x, y, w, h = (round(value) for value in face.box)
    return image[max(0, y) : y + h, max(0, x) : x + w]


def detail(image: np.ndarray) -> float:
    """Energy of what changes from pixel to pixel."""
    return float(cv2.Laplacian(image, cv2.CV_32F, ksize=3).var())


@pytest.mark.parametrize("name", ["collins", "hopper"])
@pytest.mark.parametrize("scale", [0.4, 1.0, 2.0])
def test_no_face_is_left_in_a_portrait(
    reader: EmotionReader, portraits: dict[str, np.ndarray], name: str, scale: float
) -> None:
    image = np.asarray(cv2.resize(portraits[name], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    before = image.copy()
    (reading,) = reader.read(image)
    covered = blurred(image, [reading.face])
    assert (image == before).all()
    assert reader.read(covered) == []
    assert detail(inside(covered, reading.face)) < 0.01 * detail(inside(image, reading.face))
    # Asked all the same, at the very place, the network is as unsure of a broad smile as of a serious face.
    (emotion,) = reader.model.read(covered, [reading.face])
    assert max(reading.emotion.probabilities) > 0.9
    assert max(emotion.probabilities) < 0.8
    assert abs(emotion.valence) < 0.1


def test_what_is_left_is_a_few_colours_whatever_was_there() -> None:
    """Pictures that differ in all but the mean of each field become the same: nothing could tell them apart again."""
    face = Face((90.0, 90.0, 60.0, 60.0), 0.9)
    rng = np.random.default_rng(0)
    image = rng.integers(60, 190, (240, 240, 3)).astype(np.uint8)
    covered = blurred(image, [face])
    changed = (covered != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    fields = cv2.resize(covered[top:bottom, left:right], (3, 3), interpolation=cv2.INTER_AREA)
    rebuilt = cv2.resize(fields, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    covers = changed[top:bottom, left:right]
    difference = np.abs(rebuilt.astype(int) - covered[top:bottom, left:right])[covers]
    assert difference.mean() < 4
    assert np.abs(image.astype(int)[changed] - 125).mean() > 25


def test_the_whole_head_is_covered_and_nothing_far_from_it() -> None:
    image = np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    face = Face((110.0, 110.0, 80.0, 80.0), 0.9)
    changed = (blurred(image, [face]) != image).any(axis=2)
    x, y, w, h = 110, 110, 80, 80
    assert changed[y : y + h, x : x + w].mean() > 0.99
    assert changed[y - 30 : y, x + 20 : x + 60].mean() > 0.99  # forehead and hair
    assert changed[y + h : y + h + 8, x + 20 : x + 60].mean() > 0.99  # chin
    far = np.ones(changed.shape, bool)
    far[y - h : y + 2 * h, x - w : x + 2 * w] = False
    assert not changed[far].any()


def test_a_head_that_lies_is_covered_along_its_own_axis() -> None:
    image = np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    upright = Face((110.0, 110.0, 80.0, 80.0), 0.9, ((135.0, 140.0), (165.0, 140.0)))
    lying = dataclasses.replace(upright, landmarks=((160.0, 135.0), (160.0, 165.0)))  # the crown to the right
    changed = [(blurred(image, [face]) != image).any(axis=2) for face in (upright, lying)]
    turned = np.rot90(changed[0], -1)
    assert (turned == changed[1]).mean() > 0.98
    assert (changed[0] == changed[1]).mean() < 0.95


@pytest.mark.parametrize(
    "box",
    [
        *((-40, -40, 80, 80), (280, 200, 80, 80), (100, -70, 60, 60), (-1000, -1000, 20, 20), (500, 10, 20, 20)),
        *((10, 10, 0, 0), (10, 10, -5, 8), (10, 10, 0.4, 0.4), (-5000, -5000, 20000, 20000)),
        *((math.nan, 1, 2, 3), (1, 1, math.inf, 3)),
    ],
)
def test_any_box_is_taken(box: tuple[float, float, float, float]) -> None:
    image = np.random.default_rng(2).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    covered = blurred(image, [Face(box, 0.9)])
    assert covered.shape == image.shape
    x, y, w, h = box
    meets = math.isfinite(sum(box)) and w >= 1 and x < 320 and y < 240 and x + w > 0 and y + h > 0
    changed = (covered != image).any(axis=2)
    assert changed.any() == (meets or box == (100, -70, 60, 60))  # of which the chin is in view
    if meets:
        left, top = max(0, int(x) + 1), max(0, int(y) + 1)
        assert changed[top : int(y + h), left : int(x + w)].mean() > 0.98


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (31, 17), (1080, 1920)])
def test_any_size_of_picture(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    assert blurred(image, [Face((0.0, 0.0, shape[1], shape[0]), 0.9)]).shape == image.shape


def test_nobody_is_nothing_and_the_picture_is_a_new_one() -> None:
    image = np.full((10, 10, 3), 7, np.uint8)
    covered = blurred(image, [])
    assert (covered == image).all()
    assert covered is not image and not np.shares_memory(covered, image)


def test_heads_that_overlap_do_not_depend_on_their_order() -> None:
    image = np.random.default_rng(3).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    pair = [Face((90.0, 110.0, 70.0, 70.0), 0.9), Face((130.0, 120.0, 60.0, 60.0), 0.9)]
    together = (blurred(image, pair) != image).any(axis=2)
    apart = [(blurred(image, [face]) != image).any(axis=2) for face in pair]
    assert (together == (apart[0] | apart[1])).mean() > 0.999


def test_a_face_that_is_lost_stays_covered_for_a_while_where_it_was() -> None:
    image = np.random.default_rng(4).integers(0, 255, (200, 400, 3)).astype(np.uint8)
    left, right = Face((60.0, 80.0, 40.0, 40.0), 0.9, (), 1), Face((290.0, 80.0, 40.0, 40.0), 0.9, (), 2)
    veil = Veil(memory=0.5)

    def covers(faces: list[Face], time: float) -> tuple[bool, bool]:
        changed = (veil.cover(image, faces, time) != image).any(axis=2)
        return bool(changed[80:120, 60:100].all()), bool(changed[80:120, 290:330].all())

    assert covers([left, right], 10.0) == (True, True)
    assert covers([right], 10.3) == (True, True)
    moved = dataclasses.replace(right, box=(300.0, 80.0, 40.0, 40.0))
    assert covers([moved], 10.5)[0]
    assert covers([moved], 10.6)[0] is False
    assert covers([], 11.0) == (False, True)
    assert covers([], 3.0) == (False, False)  # another source


def test_faces_without_numbers_are_covered_too() -> None:
    image = np.random.default_rng(4).integers(0, 255, (200, 400, 3)).astype(np.uint8)
    faces = [Face((60.0, 80.0, 40.0, 40.0), 0.9), Face((290.0, 80.0, 40.0, 40.0), 0.9)]
    assert (Veil().cover(image, faces, 0.0) == blurred(image, faces)).all()
