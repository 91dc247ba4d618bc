from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge.canvas import Canvas, touch
from edge.labels import LABELS
from edge.overlay import Overlay
from edge.types import Emotion, Face, Frame, Reading, Result


def result(width: int, height: int, boxes: list[tuple[float, float, float, float]]) -> Result:
    rng = np.random.default_rng(0)
    readings = []
    for id, box in enumerate(boxes, start=1):
        probabilities = rng.dirichlet(np.ones(8))
        emotion = Emotion(tuple(map(float, probabilities)), LABELS, *map(float, rng.uniform(-1, 1, 2)))
        readings.append(Reading(Face(box, 0.9, id=id), emotion))
    frame = Frame(np.full((height, width, 3), 90, np.uint8), 0.0, 0)
    return Result(frame, "test", tuple(readings), {"detect": 1.0, "classify": 2.0, "total": 3.0}, 25.0)


@pytest.mark.parametrize(
    ("width", "height"), [(320, 240), (480, 270), (640, 480), (1920, 1080), (3840, 2160), (200, 600)]
)
@pytest.mark.parametrize("people", [0, 1, 3, 10])
def test_any_size_and_crowd_is_drawn_and_the_face_stays_free(width: int, height: int, people: int) -> None:
    side = min(width, height) / 6
    boxes = [(width * (0.1 + 0.17 * (i % 5)), height * (0.3 + 0.4 * (i // 5)), side, side) for i in range(people)]
    drawn = Overlay().draw(result(width, height, boxes))
    shown = min(max(height, 480), 1080)
    scale = shown / height
    assert drawn.shape == (shown, round(width * scale) + round(0.44 * shown), 3)
    for x, y, w, h in boxes:
        # The middle of a face: nothing may lie on it but its own picture.
        inner = drawn[
            int((y + 0.3 * h) * scale) : int((y + 0.7 * h) * scale),
            int((x + 0.3 * w) * scale) : int((x + 0.7 * w) * scale),
        ]
        assert (inner == 90).all()


def test_the_frame_itself_is_not_drawn_on() -> None:
    given = result(640, 480, [(100, 100, 120, 120)])
    Overlay().draw(given)
    assert (given.frame.image == 90).all()


def test_tags_touch_no_head_and_no_other_tag() -> None:
    canvas = Canvas(np.zeros((480, 640, 3), np.uint8))
    heads = [(20 + 80 * (i % 7), 30 + 140 * (i // 7), 70, 110) for i in range(21)]
    taken = list(heads)
    tags = []
    for head in heads:
        place = canvas.place_tag("3  happiness  97%", head, (0, 0, 640, 480), taken)
        if place:
            taken.append(place)
            tags.append(place)
    assert tags
    for tag in tags:
        assert tag[0] >= 0 and tag[1] >= 0 and tag[0] + tag[2] <= 640 and tag[1] + tag[3] <= 480
        assert not any(touch(tag, head) for head in heads)
    assert not any(touch(a, b) for a, b in itertools.combinations(tags, 2))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [((0, 0, 2, 2), (1, 1, 2, 2), True), ((0, 0, 2, 2), (2, 0, 2, 2), False), ((0, 0, 9, 9), (4, 4, 1, 1), True)],
)
def test_touch(a: tuple[int, ...], b: tuple[int, ...], expected: bool) -> None:
    assert touch(a, b) is expected  # type: ignore[arg-type]
    assert touch(b, a) is expected  # type: ignore[arg-type]
