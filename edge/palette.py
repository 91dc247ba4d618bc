"""Colours, BGR, and marks. Emotions wear the Okabe-Ito set, which people with every kind of colour vision tell apart.

Okabe & Ito 2008, "Color universal design". Its black, which a dark panel swallows, is a near-white here. Each emotion
has a mark of its own as well, for small spots, gray printing and poor screens.
"""

from __future__ import annotations

from typing import Literal

Color = tuple[int, int, int]
Mark = Literal["circle", "square", "up", "down", "diamond", "plus", "cross", "star"]

PANEL: Color = (34, 30, 28)
TRACK: Color = (62, 56, 52)
TEXT: Color = (240, 238, 236)
FAINT: Color = (165, 158, 152)
INK: Color = (22, 20, 18)
WHITE: Color = (255, 255, 255)
WARNING: Color = (66, 228, 240)
RECORDING: Color = (60, 60, 230)

_EMOTIONS: dict[str, tuple[Color, Mark]] = {
    "neutral": ((235, 235, 235), "circle"),
    "happiness": ((0, 159, 230), "up"),
    "sadness": ((178, 114, 0), "down"),
    "surprise": ((233, 180, 86), "star"),
    "fear": ((167, 121, 204), "diamond"),
    "disgust": ((115, 158, 0), "cross"),
    "anger": ((0, 94, 213), "square"),
    "contempt": ((66, 228, 240), "plus"),
}
_OTHERS = tuple(_EMOTIONS.values())


def emotion_color(label: str, index: int = 0) -> Color:
    """Return a label's colour; labels of one's own take the set's colours in turn, by ``index``."""
    return _EMOTIONS.get(label, _OTHERS[index % len(_OTHERS)])[0]


def emotion_mark(label: str, index: int = 0) -> Mark:
    """Return the shape of a label's dot; labels of one's own take the shapes in turn, by ``index``."""
    return _EMOTIONS.get(label, _OTHERS[index % len(_OTHERS)])[1]


def ink_on(color: Color) -> Color:
    """Return the text colour, dark or light, that is read better on ``color``.

    By relative luminance, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance; 0.18 lies halfway in contrast.
    """
    blue, green, red = ((value / 255) ** 2.2 for value in color)
    return INK if 0.0722 * blue + 0.7152 * green + 0.2126 * red > 0.18 else WHITE
