"""Colours, BGR. Emotions wear the Okabe-Ito set, which people with every kind of colour vision can tell apart.

Okabe & Ito 2008, "Color universal design".
"""

from __future__ import annotations

Color = tuple[int, int, int]

PANEL: Color = (34, 30, 28)
TRACK: Color = (62, 56, 52)
TEXT: Color = (240, 238, 236)
FAINT: Color = (165, 158, 152)
INK: Color = (22, 20, 18)

_EMOTIONS: dict[str, Color] = {
    "neutral": (190, 190, 190),
    "happiness": (0, 159, 230),
    "sadness": (200, 130, 30),
    "surprise": (233, 180, 86),
    "fear": (167, 121, 204),
    "disgust": (115, 158, 0),
    "anger": (40, 94, 225),
    "contempt": (66, 228, 240),
}
_OTHERS: tuple[Color, ...] = tuple(_EMOTIONS.values())[1:]


def emotion_color(label: str, index: int = 0) -> Color:
    """Return a label's colour; labels of one's own take the set's colours in turn, by ``index``."""
    return _EMOTIONS.get(label, _OTHERS[index % len(_OTHERS)])
