from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.canvas import Canvas, touch
from edge.health import Health
from edge.labels import LABELS
from edge.layers import DEFAULT_LAYERS, LAYERS
from edge.overlay import HelpRow, Layout, Overlay, Status, title_screen
from edge.palette import PANEL, emotion_color, emotion_mark, ink_on
from edge.sinks.window.keys import help_rows
from edge.types import Emotion, Face, Frame, Reading, Result

ALL = frozenset(LAYERS)
HELP = help_rows(dict.fromkeys(LAYERS, True))
LONG = "the detector mediapipe is not installed here; pip install 'emot-edge[mediapipe]' brings it, " * 3


def result(width: int, height: int, boxes: list[tuple[float, float, float, float]]) -> Result:
    rng = np.random.default_rng(0)
    readings = []
    for id, box in enumerate(boxes, start=1):
        probabilities = rng.dirichlet(np.ones(8))
        emotion = Emotion(tuple(map(float, probabilities)), LABELS, *map(float, rng.uniform(-1, 1, 2)))
        x, y, w, h = box
        points = ((x + 0.3 * w, y + 0.4 * h), (x + 0.7 * w, y + 0.4 * h), (x + 0.5 * w, y + 0.75 * h))
        readings.append(Reading(Face(box, 0.9, points, id), emotion))
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


def crowd(width: int, height: int, people: int) -> list[tuple[float, float, float, float]]:
    side = min(width, height) / 6
    return [(width * (0.03 + 0.19 * (i % 5)), height * (0.25 + 0.4 * (i // 5)), side, side) for i in range(people)]


def faces_stay_free(
    drawn: NDArray[np.uint8], given: Result, layout: Layout, mirror: bool, layers: frozenset[str]
) -> None:
    """Hold every pixel of every face to the frame's gray, but for the outline's corners and the landmarks' dots."""
    x, y, wide, tall = layout.picture
    scale = wide / given.frame.image.shape[1]
    foreign = (drawn != 90).any(axis=-1)
    for reading in given.readings:
        left, top, w, h = (value * scale for value in reading.face.box)
        if mirror:
            left = wide - left - w
        rim = 6 * layout.unit + 2 if "boxes" in layers else 2  # the outline's line
        inside = np.s_[
            y + int(max(0, top + rim)) : y + int(min(tall, top + h - rim)),
            x + int(max(0, left + rim)) : x + int(min(wide, left + w - rim)),
        ]
        here = foreign[inside].copy()
        if "landmarks" in layers:
            for px, py in reading.face.landmarks:
                px = wide - px * scale if mirror else px * scale
                middle = (round(x + px) - inside[1].start, round(y + py * scale) - inside[0].start)
                mask = here.astype(np.uint8)
                cv2.circle(mask, middle, round(4 * layout.unit) + 2, 0, cv2.FILLED)
                here = mask.astype(bool)
        assert not here.any()


WINDOWS: list[tuple[tuple[int, int] | None, Status | None]] = [
    (None, None),
    ((851, 504), Status(hint="?: all keys")),
    ((320, 240), Status(note=LONG, warning=True, recording=True, paused=True)),
    ((400, 900), Status(note="landmarks on", help=HELP)),
]


@pytest.mark.parametrize(("size", "status"), WINDOWS)
def test_no_combination_of_layers_covers_a_face(size: tuple[int, int] | None, status: Status | None) -> None:
    given = result(320, 240, [*crowd(320, 240, 4), (280, 190, 60, 60), (-10, 150, 40, 40)])
    overlay = Overlay(health=Health(), mirror=size is not None)
    for count in range(len(LAYERS) + 1):
        for names in itertools.combinations(LAYERS, count):
            overlay.layers = frozenset(names)
            overlay.mirror = not overlay.mirror
            drawn = overlay.draw(given, size=size, status=status)
            layout = overlay.layout(given, size, status)
            assert drawn.shape[:2] == layout.size[::-1]
            faces_stay_free(drawn, given, layout, overlay.mirror, overlay.layers)


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        *itertools.product(
            [(320, 240), (1080, 1920), (3840, 2160)], [(320, 240), (640, 360), (700, 1200), (1500, 420)]
        ),
        ((640, 480), (1280, 720)),
        ((3840, 2160), (3840, 2160)),
    ],
)
def test_ten_people_in_windows_of_any_size(frame: tuple[int, int], size: tuple[int, int]) -> None:
    given = result(*frame, crowd(*frame, 10))
    for layers, status in itertools.product((ALL, DEFAULT_LAYERS), (Status(note="a note"), Status(help=HELP))):
        overlay = Overlay(layers)
        drawn = overlay.draw(given, size=size, status=status)
        if (drawn == 90).all(axis=-1).mean() > 0.01:  # else the page of keys took the picture's place
            faces_stay_free(drawn, given, overlay.layout(given, size, status), False, layers)
        else:
            assert status.help and min(size) < 500


@pytest.mark.parametrize("frame", [(320, 240), (1920, 1080), (3840, 2160), (200, 600), (4000, 300)])
@pytest.mark.parametrize("size", [(1, 1), (160, 120), (320, 240), (851, 504), (600, 900), (3000, 400), (3840, 2160)])
@pytest.mark.parametrize("panel", [False, True])
def test_parts_of_a_window_lie_inside_and_beside_each_other(
    frame: tuple[int, int], size: tuple[int, int], panel: bool
) -> None:
    layout = Layout.fitted(*frame, size, panel=panel)
    parts = [part for part in (layout.picture, layout.panel, layout.bar) if part[2] and part[3]]
    assert len(parts) == 2 + panel
    for x, y, w, h in parts:
        assert x >= 0 and y >= 0 and x + w <= layout.size[0] and y + h <= layout.size[1]
    assert not any(touch(a, b) for a, b in itertools.combinations(parts, 2))
    _, _, wide, tall = layout.picture
    assert abs(wide * frame[1] / frame[0] - tall) <= 1 + frame[1] / frame[0]  # the frame's own shape
    assert wide >= 0.98 * min(layout.size[0] / 2, layout.size[1] / 2 * frame[0] / frame[1]) - 1


def test_without_a_panel_layer_the_picture_has_all_the_room() -> None:
    given = result(640, 480, [(100, 100, 120, 120)])
    overlay = Overlay(frozenset({"boxes", "labels"}))
    assert overlay.draw(given).shape == (480, 640, 3)
    overlay.layers |= {"plot"}
    assert overlay.draw(given).shape == (480, 851, 3)


def test_a_mirror_turns_the_picture_and_not_the_words() -> None:
    given = result(640, 480, [(60, 200, 120, 120)])
    given.frame.image[:, :200] = 20
    plain, turned = Overlay(ALL), Overlay(ALL, mirror=True)
    a, b = plain.draw(given), turned.draw(given)
    assert (a[:, 640:] == b[:, 640:]).all()
    assert (b[:50, :640] == a[:50, 639::-1]).all()
    plain.layers = turned.layers = ALL - {"labels"}
    marked = [(plain.draw(given)[:, :640] != given.frame.image).any(axis=-1)]
    marked.append((turned.draw(given)[:, 639::-1] != given.frame.image).any(axis=-1))
    (ya, xa), (yb, xb) = (np.nonzero(mask) for mask in marked)
    assert (
        np.abs(np.subtract([ya.min(), ya.max(), xa.min(), xa.max()], [yb.min(), yb.max(), xb.min(), xb.max()])).max()
        <= 1
    )
    plain.layers = turned.layers = frozenset({"labels"})
    tags = [
        drawn[:, :640][(drawn[:, :640] != frame).any(axis=-1)]
        for drawn, frame in ((plain.draw(given), given.frame.image), (turned.draw(given), given.frame.image[:, ::-1]))
    ]
    assert len(tags[0]) and np.array_equal(*tags)  # letter by letter the same


def test_a_drawing_is_kept_and_asking_again_adds_nothing_to_the_trail() -> None:
    overlay, fresh = Overlay(), Overlay()
    for index in range(5):
        given = moved(index)
        first = overlay.draw(given)
        assert overlay.draw(given) is first
        overlay.layers = ALL
        assert overlay.draw(given) is not first
        overlay.layers = DEFAULT_LAYERS
        again = overlay.draw(given)
        assert (again == first).all()
    for index in range(5):
        last = fresh.draw(moved(index))
    assert (last == again).all()


def moved(index: int) -> Result:
    """Two people, happy and angry, on their way through the valence-arousal plane."""
    given = result(640, 480, crowd(640, 480, 2))
    readings = []
    for reading, label, height in zip(given.readings, ("happiness", "anger"), (0.5, -0.5), strict=True):
        probabilities = tuple(0.93 if name == label else 0.01 for name in LABELS)
        emotion = Emotion(probabilities, LABELS, -0.8 + 0.02 * index, height)
        readings.append(dataclasses.replace(reading, emotion=emotion))
    frame = dataclasses.replace(given.frame, time=index / 25, index=index)
    return dataclasses.replace(given, frame=frame, readings=tuple(readings))


def seen(drawn: NDArray[np.uint8], label: str) -> int:
    """Return how many pixels of the panel have an emotion's colour."""
    return int((drawn[:, 640:] == np.array(emotion_color(label), np.uint8)).all(axis=-1).sum())


def test_one_person_is_shown_alone_and_with_every_bar() -> None:
    overlay = Overlay()
    for index in range(60):
        both = overlay.draw(moved(index))
    overlay.person = 1
    given = moved(60)
    one = overlay.draw(given)
    assert seen(both, "happiness") and seen(both, "anger")
    assert seen(one, "happiness")
    # The other one's big bar and trail are gone; the hundredth that this person shows of it remains.
    assert 0 < seen(one, "anger") < 0.05 * seen(both, "anger")
    assert all(seen(one, label) for label in LABELS)
    overlay.person = 7  # went away
    gone = overlay.draw(given)
    assert not any(seen(gone, label) for label in LABELS)


def test_the_trail_is_the_last_three_seconds_of_each_person() -> None:
    with_trail, without = Overlay(frozenset({"plot", "trail"})), Overlay(frozenset({"plot"}))
    for index in range(60):
        long, dots = with_trail.draw(moved(index)), without.draw(moved(index))
    trail = (long != dots).any(axis=-1)
    columns = np.nonzero(trail)[1]
    radius = 1.2 / 2 * (columns.max() - columns.min()) / 1.2  # 60 steps of 0.02
    assert radius > 20
    rows = np.nonzero(trail.any(axis=1))[0]
    assert rows.max() - rows.min() > 40  # two of them, one above the other
    later = dataclasses.replace(moved(60), frame=dataclasses.replace(moved(60).frame, time=99.0))
    assert np.array_equal(with_trail.draw(later), without.draw(later))  # nobody was seen in between


def test_statistics_say_what_the_run_had_to_give_way_in() -> None:
    health, given = Health(), result(640, 480, [])
    overlay = Overlay(frozenset({"stats"}), health)
    before = overlay.draw(given)
    health.adapted = "searching every 20th frame to hold 40 ms"
    after = overlay.draw(given)

    def yellow(drawn: NDArray[np.uint8]) -> bool:
        return bool((drawn[:, :, 2].astype(int) - drawn[:, :, 0]).max() > 60)

    assert yellow(after) and not yellow(before)


@pytest.mark.parametrize("size", [(160, 120), (320, 240), (851, 504), (3840, 2160)])
def test_before_the_first_frame_there_are_large_words(size: tuple[int, int]) -> None:
    drawn = title_screen(size, ("No picture", "camera: lost 12 s ago, opening again"), Status(hint="?: all keys"))
    assert drawn.shape == (size[1], size[0], 3)
    _, columns = np.nonzero((drawn[: -size[1] // 4] != PANEL).any(axis=-1))
    assert columns.max() - columns.min() > 0.15 * size[0]
    assert columns.min() > 0 and columns.max() < size[0] - 1
    helped = title_screen(size, ("No picture",), Status(help=(HelpRow("q", "quit"),)))
    assert (helped[:, :, 2].astype(int) - helped[:, :, 0]).max() > 60  # a yellow key


@pytest.mark.parametrize("width", [320, 851])
def test_a_long_message_is_wrapped_and_leaves_the_picture_half_of_the_window(width: int) -> None:
    given = result(640, 480, [])
    overlay = Overlay(frozenset())
    low = overlay.layout(given, (width, 400), Status(note="short")).bar[3]
    layout = overlay.layout(given, (width, 400), Status(note=LONG))
    assert low < layout.bar[3] <= 200


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


#: How a colour looks to somebody who lacks one kind of cone, linear RGB: Machado, Oliveira & Fernandes 2009, "A
#: physiologically-based model for simulation of color vision deficiency", table 1, severity 1.0.
VISIONS = {
    "normal": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}

#: CIE 1976; 2.3 is just noticed side by side.
LEAST_DIFFERENCE = 15.0


def lab(color: tuple[int, int, int], vision: str) -> NDArray[np.float32]:
    rgb = np.array(color[::-1]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISIONS[vision]) @ linear, 0, 1)
    shown = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return np.asarray(cv2.cvtColor(shown.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0], np.float32)


@pytest.mark.parametrize("vision", VISIONS)
def test_colors_differ_for_every_kind_of_color_vision(vision: str) -> None:
    for a, b in itertools.combinations(LABELS, 2):
        difference = np.linalg.norm(lab(emotion_color(a), vision) - lab(emotion_color(b), vision))
        assert difference >= LEAST_DIFFERENCE, (a, b)
    for label in LABELS:
        assert np.linalg.norm(lab(emotion_color(label), vision) - lab(PANEL, vision)) > 2 * LEAST_DIFFERENCE


def test_marks_differ_where_colors_are_not_seen() -> None:
    shapes = {}
    for label in LABELS:
        image = np.zeros((17, 17, 3), np.uint8)
        Canvas(image).mark(emotion_mark(label), (8, 8), 5, (255, 255, 255))
        shapes[label] = image[:, :, 0] > 127
        assert 40 < shapes[label].sum() < 120  # none is much larger than another
    for a, b in itertools.combinations(LABELS, 2):
        assert (shapes[a] ^ shapes[b]).sum() >= 0.15 * (shapes[a] | shapes[b]).sum(), (a, b)


@pytest.mark.parametrize("label", LABELS)
def test_words_on_a_tag_can_be_read(label: str) -> None:
    def luminance(color: tuple[int, int, int]) -> float:
        rgb = np.array(color[::-1]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    a, b = sorted((luminance(emotion_color(label)), luminance(ink_on(emotion_color(label)))))
    assert (b + 0.05) / (a + 0.05) >= 4.5  # WCAG 2.1, 1.4.3
