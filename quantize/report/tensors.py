"""Where an int8 network loses: noise, layers alone, ranges and clipping along the network, one column a layer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from edge import svg
from edge.markup import Markup, element
from edge.wording import plain
from quantize.record import Tensor

_WIDTH, _LEFT, _RIGHT = 1080, 50, 1070
#: Between two panels: the title of the lower one.
_GAP = 46
#: How many layers are named in the figure.
NAMED = 4
#: Ranges wider than this many times the middle one are drawn on a compressed scale.
_WIDE = 12.0


def worst(tensors: Sequence[Tensor], count: int) -> list[tuple[int, Tensor]]:
    """Return the layers that alone change the logits most, the worst first, each with its number from 1."""
    known = [(index, tensor) for index, tensor in enumerate(tensors, 1) if math.isfinite(tensor.alone_rmse)]
    return sorted(known, key=lambda item: -item[1].alone_rmse)[:count]


def prefix(tensors: Sequence[Tensor]) -> str:
    """Return what all names begin with and can be cut off: ``backbone.`` of ``backbone.features.3.0``, ...

    The last part that they share stays, so that names still say what they are.
    """
    split = [tensor.layer.split(".")[:-1] for tensor in tensors]
    shared: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared[:-1]) + "." if len(shared) > 1 else ""


def along(file: str, tensors: Sequence[Tensor]) -> Markup:
    """Return the panels of one file, one above the other on the same layers."""
    across = svg.linear(0.5, len(tensors) + 0.5, _LEFT, _RIGHT, 12)
    top, parts = 0.0, []
    panels: list[tuple[float, Callable[[Sequence[Tensor], svg.Scale, float, float], list[Markup]]]] = [
        (120, _noise),
        (170, _alone),
        (150, _ranges),
    ]
    if any(tensor.clipped > 0 for tensor in tensors):
        panels.append((60, _clipped))
    for height, draw in panels:
        top += _GAP
        parts += draw(tensors, across, top, top + height)
        top += height
    marks = [tick for tick in across.ticks if 1 <= tick <= len(tensors) and tick == int(tick)]
    parts += [svg.text(across(tick), top + 17, f"{tick:g}", "tick", "middle") for tick in marks]
    parts.append(svg.text(_RIGHT, top + 36, "layer, in the order of computation", "axis", "end"))
    parts += _notes(tensors, across, top)
    title = f"Noise, effect alone, ranges and clipping of the {len(tensors)} quantized tensors of {file}"
    return element("div", svg.picture(title, _WIDTH, top + 44, *parts), class_="wide")


def _band(across: svg.Scale) -> float:
    return across(2) - across(1)


def _noise(tensors: Sequence[Tensor], across: svg.Scale, top: float, bottom: float) -> list[Markup]:
    known = [(index, t.sqnr_db) for index, t in enumerate(tensors, 1) if math.isfinite(t.sqnr_db)]
    parts = [svg.text(4, top - 16, "signal to quantization noise so far, dB", "axis")]
    if not known:
        return parts
    values = [value for _, value in known]
    scale = svg.linear(min(0.0, *values), max(values) * 1.05, bottom, top, 3)
    parts += svg.rows(scale, _LEFT, _RIGHT)
    parts.append(svg.path([(across(index), scale(value)) for index, value in known], "noise"))
    last, value = known[-1]
    parts.append(svg.marker(across(last), scale(value), "circle", "mark int8"))
    parts.append(svg.text(across(last), scale(value) - 10, f"{value:.1f} dB", "name int8", "end"))
    return parts


def _alone(tensors: Sequence[Tensor], across: svg.Scale, top: float, bottom: float) -> list[Markup]:
    named = worst(tensors, NAMED)
    parts = [svg.text(4, top - 16, "change of the logits when this layer alone is int8, RMS", "axis")]
    if not named or not named[0][1].alone_rmse > 0:
        return parts
    labels = _named(named, prefix(tensors), across)
    floor = top + 16 * (1 + max(label.lane for label in labels))  # the names have lanes above the bars
    scale = svg.linear(0, named[0][1].alone_rmse, bottom, floor, 3)
    parts += svg.rows(scale, _LEFT, _RIGHT)
    width, chosen = _band(across), {index for index, _ in named}
    for index, tensor in enumerate(tensors, 1):
        if math.isfinite(tensor.alone_rmse):
            class_ = f"bar {'int8' if index in chosen else 'rest'}"
            x = across(index) - 0.38 * width
            parts.append(svg.bar(x, 0.76 * width, bottom, scale(tensor.alone_rmse), class_))
    for label in labels:
        y, aside = floor - 8 - 16 * label.lane, (-5, "end") if label.leftwards else (5, None)
        parts.append(svg.line(label.x, y - 9, label.x, scale(label.value), "leader"))
        parts.append(svg.text(label.x + aside[0], y, label.text, "name int8", aside[1]))
    return parts


@dataclasses.dataclass(frozen=True)
class _Label:
    """The name of a bar: where its leader rises, to which lane above the bars, and on which side the name stands."""

    text: str
    value: float
    x: float
    lane: int
    leftwards: bool


def _named(named: Sequence[tuple[int, Tensor]], cut: str, across: svg.Scale) -> list[_Label]:
    """Name bars, the worst first, each in the lowest lane that has room for its name and its leader."""
    labels = []
    lanes: list[list[tuple[float, float]]] = [[] for _ in named]
    for index, tensor in named:
        x = across(index)
        text = f"{tensor.layer.removeprefix(cut)} ({plain(tensor.alone_rmse)})"
        length = svg.CHARACTER * len(text)
        leftwards = x + length > _RIGHT
        start, end = (x - length - 8, x + 4) if leftwards else (x - 4, x + length + 8)
        free = [n for n, taken in enumerate(lanes) if all(end < low or start > high for low, high in taken)]
        lane = free[0] if free else len(lanes) - 1
        for below in range(lane):
            lanes[below].append((x - 3, x + 3))
        lanes[lane].append((start, end))
        labels.append(_Label(text, tensor.alone_rmse, x, lane, leftwards))
    return labels


def _ranges(tensors: Sequence[Tensor], across: svg.Scale, top: float, bottom: float) -> list[Markup]:
    ends = [end for t in tensors for end in (t.low, t.high, t.least, t.greatest) if math.isfinite(end)]
    parts = [svg.text(4, top - 16, "range of int8 (narrow bars) and values met (wide bars)", "axis")]
    if not ends:
        return parts
    low, high = min(0.0, *ends), max(0.0, *ends)
    widths = sorted(t.high - t.low for t in tensors)
    middle = widths[len(widths) // 2]
    uneven = middle > 0 and high - low > _WIDE * middle
    scale = svg.compressed(low, high, bottom, top, middle) if uneven else svg.linear(low, high, bottom, top, 5)
    parts += svg.rows(scale, _LEFT, _RIGHT)
    width = _band(across)
    for index, t in enumerate(tensors, 1):
        if not all(map(math.isfinite, (t.low, t.high, t.least, t.greatest))):
            continue
        x = across(index)
        parts.append(svg.bar(x - 0.42 * width, 0.84 * width, scale(t.least), scale(t.greatest), "met"))
        parts.append(svg.bar(x - 0.2 * width, 0.4 * width, scale(t.low), scale(t.high), "range"))
    return parts


def _clipped(tensors: Sequence[Tensor], across: svg.Scale, top: float, bottom: float) -> list[Markup]:
    most = max(tensor.clipped for tensor in tensors)
    scale = svg.linear(0, 100 * most, bottom, top, 2)
    width = _band(across)
    parts = [svg.text(4, top - 16, "values outside the range, %", "axis"), *svg.rows(scale, _LEFT, _RIGHT)]
    for index, tensor in enumerate(tensors, 1):
        if tensor.clipped > 0:
            x = across(index) - 0.38 * width
            parts.append(svg.bar(x, 0.76 * width, bottom, scale(100 * tensor.clipped), "bar rest"))
    return parts


def _notes(tensors: Sequence[Tensor], across: svg.Scale, bottom: float) -> list[Markup]:
    """One column a layer that answers to the pointer with all its numbers."""
    width = _band(across)
    return [
        element(
            "rect",
            element("title", note(index, tensor)),
            x=across(index) - width / 2,
            y=_GAP,
            width=width,
            height=bottom - _GAP,
            class_="hover",
        )
        for index, tensor in enumerate(tensors, 1)
    ]


def note(index: int, tensor: Tensor) -> str:
    """Return everything about a layer, for its tooltip."""
    return svg.minus(
        f"{index} {tensor.layer} ({tensor.kind})\n"
        f"noise so far {tensor.sqnr_db:.1f} dB, alone {plain(tensor.alone_rmse)}\n"
        f"range {plain(tensor.low)} to {plain(tensor.high)}, met {plain(tensor.least)} to {plain(tensor.greatest)}, "
        f"{100 * tensor.clipped:.3f} % outside"
    )
