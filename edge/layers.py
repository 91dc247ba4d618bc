"""The parts of the live picture that can be shown and hidden, in the window, in a video and on the web page alike."""

from __future__ import annotations

from edge.errors import EdgeError

#: Name of each layer, what it shows, and the key that toggles it in the window.
LAYERS: dict[str, tuple[str, str]] = {
    "boxes": ("an outline around each face", "b"),
    "labels": ("id, emotion and probability beside each face", "l"),
    "bars": ("the probability of every emotion", "p"),
    "plot": ("valence and arousal", "v"),
    "trail": ("each person's way through that plot", "t"),
    "stats": ("frames a second, milliseconds of each stage, losses", "f"),
    "legend": ("which colour stands for which emotion", "k"),
    "landmarks": ("eyes, nose, mouth and ears as the detector sees them", "m"),
}

#: What is shown unless somebody asks for something else.
DEFAULT_LAYERS = frozenset(LAYERS) - {"landmarks", "legend"}


def parse_layers(text: str) -> frozenset[str]:
    """Return the layers that a comma-separated list names; ``default``, ``all`` and ``none`` are lists of their own.

    Raises:
        EdgeError: there is no layer of that name.
    """
    whole = {"": DEFAULT_LAYERS, "default": DEFAULT_LAYERS, "all": frozenset(LAYERS), "none": frozenset()}
    wanted = text.strip().lower()
    if wanted in whole:
        return frozenset(whole[wanted])
    names = frozenset(name.strip() for name in wanted.split(",") if name.strip())
    unknown = sorted(names - set(LAYERS))
    if unknown:
        raise EdgeError(f"--layers: there is no layer {unknown[0]!r}; use {', '.join(LAYERS)}, default, all or none")
    return names
