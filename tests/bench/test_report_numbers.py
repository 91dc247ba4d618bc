"""Formats of numbers, intervals, names and places of labels, in tables of small cases."""

from __future__ import annotations

import itertools

import pytest

from bench.report.intervals import median_interval, share_interval
from bench.report.labels import apart, beside, overlap
from bench.report.naming import Names, breakable, grouped, shortened, telling
from bench.report.numbers import change, degrees, figure, large, percent, rate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0, "0"),
        (0.0001, "< 0.001"),
        (0.8434, "0.843"),
        (0.9996, "1.00"),
        (1.249, "1.25"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1240.4, "1,240"),
        (-3.2, "−3.20"),
    ],
)
def test_figures_have_three_digits(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_other_formats() -> None:
    assert [rate(8.44), rate(83.2), rate(99.6), rate(1240), rate(None)] == ["8.4", "83.2", "100", "1,240", "–"]
    assert [percent(0.8442), percent(1.0), percent(None)] == ["84.4", "100.0", "–"]
    assert [large(61_234_567), large(1_500), large(2.5e9), large(None)] == [
        "61.2 million",
        "1.50 thousand",
        "2.50 billion",
        "–",
    ]
    assert [change(1.031), change(0.935), degrees(-2.04)] == ["+3.1 %", "−6.5 %", "−2.0"]


@pytest.mark.parametrize(
    ("values", "interval"),
    [
        ([], None),
        ([1, 2, 3, 4, 5], None),
        ([6, 5, 4, 3, 2, 1], (1, 6)),
        (list(range(1, 13)), (3, 10)),  # ranks of Conover's table A3 for n = 12
        (list(range(1, 21)), (6, 15)),
    ],
)
def test_interval_of_a_median(values: list[float], interval: tuple[float, float] | None) -> None:
    assert median_interval(values) == interval


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [(0.5, 100, 0.4038, 0.5962), (0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.8442, 3191, 0.8312, 0.8564)],
)
def test_interval_of_a_share(share: float, count: int, low: float, high: float) -> None:
    assert share_interval(share, count) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ([], Names("", (), ())),
        (["a/b"], Names("", ("",), ("a, b",))),
        (["m/x/1", "m/y/1"], Names("m, 1", ("", ""), ("x", "y"))),
        (["m/x/1", "m/y/1", "m/x/2", "m/y/2"], Names("m", ("x", "y", "x", "y"), ("1", "1", "2", "2"))),
        (["m/x/1", "m/y/1", "m/z/1", "n/x/1", "n/y/1", "n/z/1"], Names("1", ("m",) * 3 + ("n",) * 3, tuple("xyzxyz"))),
        (["m/x", "n/y"], Names("", ("", ""), ("m, x", "n, y"))),
        (["peers/a", "peers/a/shared classes"], Names("", ("", ""), ("a", "a, shared classes"))),
        (["a", "b/c"], Names("", ("", ""), ("a", "b, c"))),
    ],
)
def test_names_say_only_what_differs(keys: list[str], names: Names) -> None:
    assert grouped(keys) == names


def test_settings_are_told_by_what_differs() -> None:
    settings = [{"width": 640, "height": 480, "threads": 1}, {"width": 1280, "height": 720, "threads": 1}]
    assert telling(settings) == ["640×480", "1280×720"]  # type: ignore[arg-type]
    assert telling([{"threads": 1, "faces": 2}, {"threads": 2, "faces": 2}]) == ["1 thread", "2 threads"]
    assert telling([{"search_interval": 1}, {"search_interval": 10}]) == ["every frame", "every 10"]


@pytest.mark.parametrize(
    ("name", "most", "short"),
    [("short", 10, "short"), ("abcdefghij", 10, "abcdefghij"), ("abcdefghijk", 5, "ab…jk")],
)
def test_long_names_lose_their_middle(name: str, most: int, short: str) -> None:
    assert shortened(name, most) == short


def test_names_break_behind_their_signs() -> None:
    assert breakable("model_int8.tflite/<b>") == "model_<wbr>int8<wbr>.tflite/<wbr>&lt;b&gt;"


def test_labels_cover_nothing() -> None:
    within = (0.0, 300.0, 0.0, 100.0)
    taken: list[tuple[float, float, float, float]] = [(48, 60, 44, 56)]
    for _ in range(6):
        place = beside(54, 50, "a name", within, taken, reach=12)
        assert place is not None
        assert not any(overlap(place.box, other) for other in taken)
        assert within[0] <= place.box[0] and place.box[1] <= within[1]
        taken.append(place.box)
    assert beside(54, 50, "a name", within, taken, reach=1) is None


@pytest.mark.parametrize("heights", [[], [5.0], [10.0, 10.0, 10.0], [100.0, 99.0, 0.0, 1.0], [50.0] * 40])
def test_heights_are_moved_apart_and_stay_inside_and_in_order(heights: list[float]) -> None:
    placed = apart(heights, 0.0, 100.0, 15.0)
    assert len(placed) == len(heights) and all(-0.1 <= height <= 100.1 for height in placed)
    gap = min(15.0, 100.0 / max(1, len(heights) - 1))
    ordered = sorted(placed)
    assert all(b - a >= gap - 0.1 for a, b in itertools.pairwise(ordered))
    assert sorted(range(len(heights)), key=lambda i: heights[i]) == sorted(range(len(placed)), key=lambda i: placed[i])
