"""Emotion labels, their order, and how other people's names for them map into it.

The order is AffectNet's. Data sets and models are mapped into it by name, never by position: half of the wrong
figures one meets in this field come from two label orders that were never compared.
"""

from __future__ import annotations

from edge.errors import EdgeError

#: Class ``i`` of every model whose config does not say otherwise (AffectNet's ids 0..7).
LABELS: tuple[str, ...] = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)

_ALIASES: dict[str, str] = {
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "afraid": "fear",
    "fearful": "fear",
    "scared": "fear",
    "disgusted": "disgust",
    "angry": "anger",
    "mad": "anger",
    "contemptuous": "contempt",
    "calm": "neutral",
}


def canonical(name: str) -> str:
    """Return the label that ``name`` stands for: ``"Happy"`` and ``" joy "`` give ``"happiness"``.

    Raises:
        EdgeError: the name belongs to none of the eight classes.
    """
    key = name.strip().lower()
    key = _ALIASES.get(key, key)
    if key not in LABELS:
        raise EdgeError(f"unknown emotion label {name!r}; known labels are {', '.join(LABELS)}")
    return key


def index_of(name: str) -> int:
    """Return the class index of a label or one of its other names (see :func:`canonical`)."""
    return LABELS.index(canonical(name))
