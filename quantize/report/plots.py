"""What a file costs against what it gives: accuracy over size, accuracy over time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from edge import svg
from edge.markup import Markup, element, join
from quantize.record import Report, Row

_WIDTH, _HEIGHT = 500, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 484, 40, 284
#: Points closer than this share a label, pixels.
_CLOSE = 13.0
#: Of the names, pixels; phones show them a little larger than they are on wide screens.
_LINE, _CHARACTER = 16.0, 7.2
#: A span of costs beyond this factor is drawn on a logarithmic scale.
_WIDE = 8.0


#: Left, right, top, bottom; pixels.
Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Point:
    """One file in a plot.

    Attributes:
        file: its name.
        kind: ``float``, ``mixed`` or ``int8``, which colour and shape stand for.
        x: cost.
        y: per cent.
        low: lower end of the interval of ``y``.
        high: upper end.
        out: whether the file is kept out of the bundle.
    """

    file: str
    kind: str
    x: float
    y: float
    low: float
    high: float
    out: bool


_SHAPES = {"float": "circle", "mixed": "square", "int8": "diamond"}


def kind_of(precision: str) -> str:
    """Return ``float``, ``mixed`` (smaller weights, float arithmetic) or ``int8`` for a precision of the config."""
    return {"int8": "int8", "integer": "int8", "float16": "mixed", "dynamic": "mixed"}.get(precision, "float")


def plots(report: Report) -> Markup:
    """Return the two figures; empty where no file was compared."""
    measured = any(row.metrics for row in report.rows)
    what = "accuracy, %" if measured else "same emotion as the checkpoint, %"
    reference = report.checkpoint.metrics.accuracy * 100 if measured and report.checkpoint.metrics else None
    sizes = [_point(row, row.size / 1e6, measured) for row in report.rows if row.size]
    times = [_point(row, row.latency.p50_ms, measured) for row in report.rows if row.latency]
    figures = [
        _figure(f"{what.partition(',')[0]} against {cost}", what, f"{cost}, {unit}", [p for p in found if p], reference)
        for cost, unit, found in (("size", "MB", sizes), ("time of one image", "ms", times))
    ]
    drawn = [figure for figure in figures if figure]
    return element("div", *drawn, class_="pair") if drawn else Markup("")


def _point(row: Row, cost: float, measured: bool) -> Point | None:
    """The file at its cost; its interval is the paired one, since all files saw the same images."""
    out = row.status in ("failed", "refused")
    kind = kind_of(row.precision)
    if not measured:
        same = None if row.parity is None else 100 * row.parity.agreement
        return None if same is None else Point(row.file, kind, cost, same, same, same, out)
    if row.metrics is None:
        return None
    found = low = high = 100 * row.metrics.accuracy
    if row.parity and row.parity.accuracy_drop is not None and row.parity.accuracy_drop_interval:
        checkpoint = found + 100 * row.parity.accuracy_drop
        low, high = (checkpoint - 100 * end for end in reversed(row.parity.accuracy_drop_interval))
    return Point(row.file, kind, cost, found, low, high, out)


def _figure(title: str, y_name: str, x_name: str, points: Sequence[Point], reference: float | None) -> Markup | None:
    if not points:
        return None
    y = _heights(points, reference)
    x = _costs([point.x for point in points])
    placed = [(x(point.x), y(point.y), point) for point in points]
    taken = [_covered(across, height, y(point.low), y(point.high)) for across, height, point in placed]
    parts = [
        *svg.rows(y, _LEFT, _RIGHT),
        *svg.columns(x, _TOP, _BOTTOM),
        svg.text(4, 16, y_name, "axis"),
        svg.text(_RIGHT, _HEIGHT - 8, x_name, "axis", "end"),
    ]
    if reference is not None:
        words, box = f"checkpoint {reference:.2f}", _aside(y(reference), taken)
        parts.append(svg.line(_LEFT, y(reference), _RIGHT, y(reference), "reference"))
        parts.append(svg.text(box[0] + 4, box[3] - 5, words, "note"))
        taken.append(box)
    parts += [_drawn(point, x, y) for point in points]
    parts += _labels(placed, taken)
    return element("figure", svg.picture(title, _WIDTH, _HEIGHT, *parts))


def _covered(x: float, y: float, low: float, high: float) -> Box:
    """What a mark and its whisker cover."""
    return (x - 6, x + 6, min(high, y - 6), max(low, y + 6))


def _aside(y: float, taken: Sequence[Box]) -> Box:
    """A place for the words on the reference line: as far right as marks allow, above it or below."""
    width = _CHARACTER * len("checkpoint 00.00")
    lefts = [_RIGHT - width - 10 * step for step in range(int((_RIGHT - width - _LEFT) / 10) + 1)]
    boxes = [(left, left + width, top, top + 17) for top in (y - 18, y + 2) for left in lefts]
    return next((box for box in boxes if not any(_overlap(box, other) for other in taken)), boxes[0])


def _heights(points: Sequence[Point], reference: float | None) -> svg.Scale:
    ends = [end for point in points for end in (point.low, point.high)] + ([] if reference is None else [reference])
    low, high = min(ends), max(ends)
    pad = max(0.08 * (high - low), 0.1)
    return svg.linear(low - pad, high + pad, _BOTTOM, _TOP)


def _costs(values: Sequence[float]) -> svg.Scale:
    low, high = min(values), max(values)
    if low > 0 and high / low > _WIDE:
        return svg.logarithmic(low / 1.3, high * 1.3, _LEFT, _RIGHT)
    return svg.linear(0, high * 1.12, _LEFT, _RIGHT)


def _drawn(point: Point, x: svg.Scale, y: svg.Scale) -> Markup:
    across, class_ = x(point.x), f"{point.kind}{' out' if point.out else ''}"
    whisker = svg.line(across, y(point.low), across, y(point.high), f"whisker {point.kind}")
    return element(
        "g",
        element("title", f"{point.file}: {point.y:.2f} % ({point.low:.2f} to {point.high:.2f}) at {point.x:.2f}"),
        whisker if point.high > point.low else None,
        svg.marker(across, y(point.y), _SHAPES[point.kind], f"mark {class_}"),
    )


def _labels(placed: Sequence[tuple[float, float, Point]], taken: Sequence[Box]) -> list[Markup]:
    """Name the points beside them; those that lie together share one column of names."""
    labels, boxes = [], list(taken)
    for group in _groups(placed):
        names = [f"{point.file}{' (kept out)' if point.out else ''}" for _, _, point in group]
        width, height = _CHARACTER * max(map(len, names)), _LINE * len(names)
        middle = sum(y for _, y, _ in group) / len(group)
        lefts = [max(x for x, _, _ in group) + 11, min(x for x, _, _ in group) - 11 - width]
        inside = [left for left in lefts if left >= _LEFT and left + width <= _WIDTH] or lefts[:1]
        box = _free(inside, width, middle, height, boxes)
        boxes.append(box)
        at, anchor = (box[0], "start") if box[0] == lefts[0] else (box[1], "end")
        if not box[2] <= middle <= box[3]:
            end = box[2] + _LINE / 2 if box[2] > middle else box[3] - _LINE / 2
            labels.append(svg.line(group[0][0], middle, at, end, "thread"))
        for index, (name, (_, _, point)) in enumerate(zip(names, group, strict=True)):
            labels.append(svg.text(at, box[2] + _LINE * (index + 1) - 4, name, f"name {point.kind}", anchor))
    return labels


def _groups(placed: Sequence[tuple[float, float, Point]]) -> list[list[tuple[float, float, Point]]]:
    groups: list[list[tuple[float, float, Point]]] = []
    for item in sorted(placed, key=lambda item: (item[0], item[1])):
        near = [g for g in groups if any(abs(item[0] - x) + abs(item[1] - y) < _CLOSE for x, y, _ in g)]
        if near:
            near[0].append(item)
        else:
            groups.append([item])
    return groups


def _free(lefts: Sequence[float], width: float, middle: float, height: float, taken: Sequence[Box]) -> Box:
    """The place for a label that is nearest to ``middle``, on either side, and covers nothing that is there."""
    first = (lefts[0], lefts[0] + width, middle - height / 2, middle + height / 2)
    for step in range(60):
        for left in lefts:
            for top in (middle - height / 2 - 4 * step, middle - height / 2 + 4 * step):
                box = (left, left + width, top, top + height)
                if _TOP - 14 <= top <= _BOTTOM - height and not any(_overlap(box, other) for other in taken):
                    return box
    return first


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[1] and one[1] > other[0] and one[2] < other[3] and one[3] > other[2]


def legend() -> Markup:
    """Return the key to shapes and colours, in words."""
    names = {"float": "32-bit", "mixed": "16-bit or int8 weights, float arithmetic", "int8": "int8"}
    keys = [
        element(
            "span",
            element("svg", svg.marker(7, 7, _SHAPES[kind], f"mark {kind}"), viewBox="0 0 14 14", aria_hidden="true"),
            f" {name}",
            class_="key",
        )
        for kind, name in names.items()
    ]
    return join(*keys)
