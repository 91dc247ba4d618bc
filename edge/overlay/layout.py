"""Where picture, panel and status bar lie, for frames and windows of any size."""

from __future__ import annotations

import dataclasses

from edge.canvas import Rectangle

#: In a video, the picture is shown at least and at most this high, pixels, so that text beside it is legible.
HEIGHTS = (480, 1080)

#: Width of the panel and height of the status bar, in units (a unit is a pixel of a picture 480 pixels high).
PANEL_WIDTH = 211
BAR_HEIGHT = 24

#: Letters no smaller than this, in windows of any size, units.
_LEAST_UNIT = 0.85

#: From here on, letters grow more slowly than the window: whoever has a large screen wants to see more, not larger.
_EASY_UNIT = 1.5

#: A panel beneath the picture instead of beside it has to make the picture this much larger.
_WORTH_IT = 1.15


@dataclasses.dataclass(frozen=True)
class Layout:
    """Rectangles of a drawing, pixels.

    Attributes:
        size: width and height of the whole.
        picture: where the frame is shown.
        panel: where everything is said that doesn't lie on the picture; width 0 without one.
        bar: the status bar along the bottom; height 0 without one.
        unit: scale of text and lines.
    """

    size: tuple[int, int]
    picture: Rectangle
    panel: Rectangle
    bar: Rectangle
    unit: float

    @classmethod
    def natural(cls, width: int, height: int, panel: bool) -> Layout:
        """Return the layout for a video of frames ``width`` x ``height``: a size that suits the frame, no bar."""
        shown = min(max(height, HEIGHTS[0]), HEIGHTS[1])
        wide = max(1, round(width * shown / height))
        beside = round(PANEL_WIDTH / 480 * shown) if panel else 0
        return cls(
            (wide + beside, shown),
            (0, 0, wide, shown),
            (wide, 0, beside, shown),
            (0, shown, wide + beside, 0),
            shown / 480,
        )

    @classmethod
    def fitted(
        cls, width: int, height: int, size: tuple[int, int], *, panel: bool, bar: bool = True, bar_lines: int = 1
    ) -> Layout:
        """Return the layout that fills a window.

        Args:
            width: of the frame, pixels.
            height: of the frame.
            size: of the window's inside; at least 64 x 48 is assumed.
            panel: whether there is something to say beside the picture.
            bar: whether there is a status bar.
            bar_lines: lines of text in it.
        """
        whole, tall = max(64, size[0]), max(48, size[1])
        unit = window_unit(width, height, (whole, tall))
        low = min(round((BAR_HEIGHT + 15 * (bar_lines - 1)) * unit), tall // 2) if bar else 0
        tall -= low
        beside = min(round(PANEL_WIDTH * unit), whole // 2) if panel else 0
        scale = min((whole - beside) / width, tall / height)
        if panel:
            below = min(max(tall - round(whole * height / width), round(200 * unit)), tall // 2)
            other = min(whole / width, (tall - below) / height)
            if other > _WORTH_IT * scale:
                picture = _centred(width * other, height * other, (0, 0, whole, tall - below))
                return cls((whole, tall + low), picture, (0, tall - below, whole, below), (0, tall, whole, low), unit)
        # What the picture leaves free makes the panel wider, up to a point.
        spare = max(0, whole - beside - round(width * scale))
        beside += min(spare, beside)
        picture = _centred(width * scale, height * scale, (0, 0, whole - beside, tall))
        return cls((whole, tall + low), picture, (whole - beside, 0, beside, tall), (0, tall, whole, low), unit)


def window_unit(width: int, height: int, size: tuple[int, int]) -> float:
    """Return the scale of text in a window of this size that shows such frames with a panel."""
    unit = min(size[0] / (480 * width / height + PANEL_WIDTH), size[1] / (480 + BAR_HEIGHT))
    if unit > _EASY_UNIT:
        unit = _EASY_UNIT + 0.6 * (unit - _EASY_UNIT)
    return max(unit, _LEAST_UNIT)


def _centred(width: float, height: float, area: Rectangle) -> Rectangle:
    x, y, w, h = area
    wide, tall = max(1, min(w, round(width))), max(1, min(h, round(height)))
    return x + (w - wide) // 2, y + (h - tall) // 2, wide, tall
