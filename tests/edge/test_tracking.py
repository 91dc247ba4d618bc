from __future__ import annotations

import pytest

from edge.tracking import Tracker
from edge.types import Face


def face(x: float, y: float = 100, size: float = 50) -> Face:
    return Face((x - size / 2, y - size / 2, size, size), 0.9)


def ids_along(tracker: Tracker, *frames: list[Face], fps: float = 25) -> list[list[tuple[int | None, float]]]:
    """Ids and box centres of each frame, in the order of ids."""
    seen = []
    for index, faces in enumerate(frames):
        named = tracker.update(faces, index / fps)
        seen.append([(f.id, f.box[0] + f.box[2] / 2) for f in named])
    return seen


def test_ids_count_from_one_and_stay() -> None:
    seen = ids_along(Tracker(), *[[face(300 - i), face(100 + i)] for i in range(10)])
    assert [[id for id, _ in frame] for frame in seen] == [[1, 2]] * 10
    assert seen[-1] == [(1, 291), (2, 109)]


def test_two_people_who_pass_each_other_keep_their_ids() -> None:
    # They walk through each other's place 20 px apart in height; the prediction tells them apart.
    frames = [[face(100 + 8 * i, 100), face(400 - 8 * i, 120)] for i in range(38)]
    seen = ids_along(Tracker(), *frames)
    assert seen[-1] == [(1, 396), (2, 104)]


def test_a_short_gap_keeps_the_id_and_a_long_one_does_not() -> None:
    tracker = Tracker()
    assert tracker.update([face(100)], 0.0)[0].id == 1
    assert tracker.update([], 0.4) == []
    assert tracker.update([face(105)], 0.8)[0].id == 1
    assert tracker.update([face(105)], 2.5)[0].id == 2


@pytest.mark.parametrize("other", [face(300), face(100, size=120), face(100, size=20)])
def test_another_place_or_size_is_another_person(other: Face) -> None:
    tracker = Tracker()
    tracker.update([face(100)], 0.0)
    assert tracker.update([other], 0.04)[0].id == 2


def test_time_that_runs_backwards_forgets_everybody() -> None:
    tracker = Tracker()
    tracker.update([face(100)], 10.0)
    assert tracker.update([face(100)], 1.0)[0].id == 2


def test_ids_are_never_used_twice_and_memory_is_bounded() -> None:
    tracker = Tracker()
    given = [tracker.update([face(100)], 5.0 * i)[0].id for i in range(50)]
    assert given == list(range(1, 51))
    assert tracker.ids == {50}
