"""Following: what a search in every frame finds, at less cost, and never a face that is not there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.assets import asset
from edge.detect import load_detector
from edge.detect.following import Following
from edge.detect.network import FULL_RANGE, SHORT_RANGE, Network, resized
from edge.detect.windows import CHOICES, SIZES, STEP, cover
from edge.errors import EdgeError
from edge.sources.demo import DemoSource
from edge.sources.files import VideoSource
from edge.tracking import overlap
from edge.types import Box, Face, Frame

WALL = (150, 160, 165)


def canvas(*placed: tuple[np.ndarray, int, int]) -> np.ndarray:
    """A 640x480 wall with pictures on it at (left, top)."""
    image = np.full((480, 640, 3), WALL, np.uint8)
    for picture, left, top in placed:
        h, w = picture.shape[:2]
        image[top : top + h, left : left + w] = picture
    return image


def frames(*images: np.ndarray, fps: float = 25) -> list[Frame]:
    return [Frame(image, index / fps, index) for index, image in enumerate(images)]


@pytest.fixture
def following() -> Following:
    return Following(load_detector())


@pytest.fixture
def heads(portraits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The portraits, 280 pixels wide: faces 55 and 105 pixels wide."""
    return {
        name: cv2.resize(picture, (280, 280 * picture.shape[0] // picture.shape[1]), interpolation=cv2.INTER_AREA)
        for name, picture in portraits.items()
    }


def shares(wanted: list[Face], found: list[Face]) -> list[float]:
    """How much of each wanted face's box is covered by the best of those found."""
    return [max((overlap(face.box, other.box) for other in found), default=0.0) for face in wanted]


def test_two_people_who_move_are_followed_with_few_searches(following: Following, heads: dict[str, np.ndarray]) -> None:
    search = load_detector()
    searched = 0
    for frame in frames(
        *(canvas((heads["hopper"], 20 + 2 * i, 90), (heads["collins"], 360 - i, 180 - i)) for i in range(30))
    ):
        wanted, found = search.detect(frame.image), following.find(frame)
        assert len(wanted) == len(found) == 2
        assert min(shares(wanted, found)) >= 0.7
        searched += following.searched
    assert searched <= 7


@pytest.mark.parametrize("size", [None, (640, 480)])
def test_three_faces_walking_as_a_search_in_every_frame_sees_them(
    following: Following, clips: Path, size: tuple[int, int] | None
) -> None:
    search = load_detector("blazeface-full")
    overlaps: list[float] = []
    searched = 0
    images = [frame.image for frame in VideoSource(clips / "three_faces_walking.mp4").frames() if frame]
    for frame in frames(*(image if size is None else cv2.resize(image, size) for image in images)):
        found = following.find(frame)
        overlaps += shares(search.detect(frame.image), found)
        searched += following.searched
    assert len(overlaps) > 115
    # Scaled to another shape, the third of them is seen by a search in the third frame; following may take one more.
    assert sum(share < 0.3 for share in overlaps) <= (0 if size is None else 3)
    assert sum(0.3 < share < 0.7 for share in overlaps) <= (0 if size is None else 1)
    assert searched <= 10


@pytest.mark.parametrize("clip", ["one_face", "two_faces"])
def test_nobody_is_lost(following: Following, clips: Path, clip: str) -> None:
    search = load_detector()
    for frame in VideoSource(clips / f"{clip}.mp4").frames():
        assert frame is not None
        assert min(shares(search.detect(frame.image), following.find(frame))) >= 0.7


def test_the_demo_pans_and_zooms_and_nobody_in_view_is_lost(following: Following) -> None:
    search = load_detector()
    late = 0
    for frame in DemoSource().frames():
        assert frame is not None
        wanted, found = search.detect(frame.image), following.find(frame)
        missing = sum(share < 0.3 for share in shares(wanted, found))
        assert missing == 0 or not following.searched
        late = late + 1 if missing else 0
        assert late < following.interval


def test_who_comes_in_is_seen_within_the_interval_and_who_leaves_is_gone_at_once(
    following: Following, heads: dict[str, np.ndarray]
) -> None:
    alone = canvas((heads["hopper"], 20, 100))
    both = canvas((heads["hopper"], 20, 100), (heads["collins"], 350, 150))
    counts = [len(following.find(frame)) for frame in frames(*[alone] * 30, *[both] * 30, *[alone] * 5)]
    assert counts[:30] == [1] * 30
    arrived = counts[30:60].index(2)
    assert arrived < following.interval
    assert counts[30 + arrived : 60] == [2] * (30 - arrived)
    assert counts[60:] == [1] * 5


def test_no_ghost_stays_where_a_face_was(following: Following, heads: dict[str, np.ndarray]) -> None:
    image = canvas((heads["hopper"], 20, 100), (heads["collins"], 350, 150))
    empty = canvas()
    for frame in frames(*[image] * 12, *[empty] * 40):
        assert len(following.find(frame)) == (2 if frame.index < 12 else 0)


def test_an_empty_room_watches_near_and_far(following: Following, portraits: dict[str, np.ndarray]) -> None:
    near = cv2.resize(portraits["collins"][60:190, 160:290], (480, 480))
    close = canvas((near, 80, 0))
    far_head = cv2.resize(portraits["hopper"], (130, 152), interpolation=cv2.INTER_AREA)
    for picture in (close, canvas((far_head, 300, 200))):
        assert load_detector().detect(picture)
        following.reset()
        counts = [len(following.find(frame)) for frame in frames(*[canvas()] * 30, *[picture] * 4)]
        assert counts[:30] == [0] * 30
        assert counts[31:] == [1, 1, 1]


def test_a_near_face_is_followed_where_the_search_put_it(
    following: Following, portraits: dict[str, np.ndarray]
) -> None:
    search = load_detector()
    searched = 0
    for index in range(20):
        near = cv2.resize(portraits["collins"][40:210, 140 + index // 2 : 310 + index // 2], (480, 480))
        frame = Frame(canvas((near, 80 + 2 * index, 0)), index / 25, index)
        wanted, found = search.detect(frame.image), following.find(frame)
        assert len(wanted) == len(found) == 1
        assert min(shares(wanted, found)) >= 0.7
        searched += following.searched
    assert searched < 10


def test_another_scene_is_searched(following: Following, heads: dict[str, np.ndarray]) -> None:
    before = canvas((heads["hopper"], 20, 100))
    after = canvas((heads["hopper"], 20, 100), (heads["collins"], 350, 150))  # somebody is in the same place
    after[(after == WALL).all(axis=2)] = 20
    counts = [len(following.find(frame)) for frame in frames(*[before] * 25, after)]
    assert counts == [1] * 25 + [2]


def test_pictures_far_apart_in_time_are_each_searched(following: Following, heads: dict[str, np.ndarray]) -> None:
    image = canvas((heads["hopper"], 20, 100))
    for frame in frames(*[image] * 4, fps=1):
        assert following.find(frame) == load_detector().detect(image)
        assert following.searched


def test_an_interval_of_one_searches_every_frame_and_can_be_set_at_any_time(heads: dict[str, np.ndarray]) -> None:
    image = canvas((heads["hopper"], 20, 100))
    following = Following(load_detector(), interval=1)
    wanted = load_detector().detect(image)
    searched = []
    for frame in frames(*[image] * 40):
        following.interval = 1 if frame.index < 5 else 20
        found = following.find(frame)
        searched.append(following.searched)
        if following.searched:
            assert found == wanted
    assert searched[:5] == [True] * 5
    assert sum(searched[5:]) <= 8


def test_other_detectors_search_every_frame(heads: dict[str, np.ndarray]) -> None:
    search = load_detector("blazeface-short")
    following = Following(search, follows=False)
    image = canvas((heads["hopper"], 20, 100))
    for frame in frames(*[image] * 4):
        assert following.find(frame) == search.detect(image)
        assert following.searched


def test_faces_are_searched_in_the_small_picture_and_reported_in_the_large_one(
    following: Following, heads: dict[str, np.ndarray]
) -> None:
    search = load_detector()
    for index in range(12):
        large = canvas((heads["hopper"], 20 + 3 * index, 100), (heads["collins"], 350, 150))
        small = cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA)
        found = following.find(Frame(large, index / 25, index, lores=small))
        wanted = [tuple(2 * value for value in face.box) for face in search.detect(small)]
        assert min(max(overlap(box, face.box) for face in found) for box in wanted) >= 0.7
        for face in found:
            assert face.box[0] < face.landmarks[0][0] < face.landmarks[1][0] < face.box[0] + face.box[2]


def test_a_window_as_large_as_the_square_gives_the_same_bits(portraits: dict[str, np.ndarray]) -> None:
    picture = cv2.resize(portraits["hopper"], (192, 192))
    whole, window = Network(FULL_RANGE), Network(FULL_RANGE, window=(192, 192))
    (values, score), (same_values, same_score) = whole.run(picture, 0.5)[0], window.run(picture, 0.5)[0]
    np.testing.assert_array_equal(values, same_values)
    assert score == same_score


def test_another_model_is_not_resized() -> None:
    with pytest.raises(EdgeError, match="install emot-edge again"):
        resized(asset(SHORT_RANGE.file).read_bytes(), 64, 64)


WHOLE: Box = (0.0, 24.0, 192.0, 144.0)


@pytest.mark.parametrize(
    ("boxes", "sizes"),
    [
        ([(80, 80, 24, 24)], [(64, 64)]),
        ([(20, 70, 24, 24), (80, 74, 24, 24), (140, 78, 24, 24)], [(64, 64)] * 3),
        ([(60, 70, 20, 20), (90, 74, 20, 20), (120, 78, 20, 20), (150, 78, 20, 20)], [(192, 64)]),
        ([(60, 60, 60, 60)], [(64, 64)]),  # looked at half as large
        ([(10, 30, 130, 130)], [(64, 64)]),  # a quarter
        ([(0, 24, 20, 20)], [(64, 64)]),  # at the picture's corner there is nothing to show beyond
        (
            [(10, 30, 25, 25), (150, 30, 25, 25), (10, 130, 25, 25), (150, 130, 25, 25), (80, 80, 25, 25)],
            [(64, 64)] * 5,
        ),
    ],
)
def test_windows_cover_every_face_at_the_least_cost(boxes: list[Box], sizes: list[tuple[int, int]]) -> None:
    windows = cover(boxes, WHOLE, CHOICES[0])
    assert windows is not None
    assert sorted(window.size for window in windows) == sorted(sizes)
    assert sorted(member for window in windows for member in window.members) == list(range(len(boxes)))
    for window in windows:
        assert window.size in SIZES
        assert all(window.holds(boxes[member], WHOLE) for member in window.members)
        if window.shrink == 1:
            assert window.x % STEP == window.y % STEP == 0


def test_a_crowd_is_searched() -> None:
    crowd: list[Box] = [(x, y, 20, 20) for x in range(5, 180, 42) for y in range(30, 150, 38)]
    assert cover(crowd, WHOLE, CHOICES[0]) is None
