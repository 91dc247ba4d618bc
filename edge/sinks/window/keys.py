"""Keys of the window: what each does, and the codes under which window toolkits report them."""

from __future__ import annotations

from collections.abc import Mapping

from edge.layers import LAYERS
from edge.overlay import HelpRow

#: What each key that isn't a layer's does: action, the key as people call it, and words for the page of keys.
_ACTIONS = (
    ("pause", "space", "pause, go on"),
    ("step", ". n right", "one frame on"),
    ("mirror", "x", "mirror"),
    ("next person", "Tab", "next person"),
    ("next model", "c ]  [", "next model, previous"),
    ("next detector", "d", "next detector"),
    ("screenshot", "s", "screenshot"),
    ("record", "r", "record"),
    ("help", "? h", "these keys"),
    ("quit", "q Esc", "quit"),
)

_CODES = {
    **{ord(key): f"layer {name}" for name, (_, key) in LAYERS.items()},
    ord(" "): "pause",
    ord("."): "step",
    ord("n"): "step",
    ord("x"): "mirror",
    ord("]"): "next model",
    ord("c"): "next model",
    ord("["): "previous model",
    ord("d"): "next detector",
    ord("s"): "screenshot",
    ord("r"): "record",
    ord("?"): "help",
    ord("h"): "help",
    ord("q"): "quit",
    27: "quit",
    # The right arrow: X11 (Qt and GTK), Windows, macOS.
    0xFF53: "step",
    0x270000: "step",
    0xF703: "step",
    9: "next person",
    # Shift and Tab: Qt, GTK.
    0x0B: "previous person",
    0xFE20: "previous person",
}


def action_of(code: int) -> str:
    """Return what a key code of ``cv2.waitKeyEx`` asks for: ``"pause"``, ``"layer boxes"``, ... or nothing, ``""``."""
    if code < 0:
        return ""
    # GTK reports pressed modifiers and NumLock in the upper half.
    for known in (code, code & 0xFFFF):
        lower = ord(chr(known).lower()) if known < 128 else known
        if lower in _CODES:
            return _CODES[lower]
    return ""


def help_rows(on: Mapping[str, bool]) -> tuple[HelpRow, ...]:
    """Return the page of keys; ``on`` says of each layer, and of some actions, whether it is on."""
    layers = (HelpRow(key, name if on[name] else f"{name} (off)", on[name]) for name, (_, key) in LAYERS.items())
    others = (HelpRow(key, f"{words} (on)" if on.get(action) else words) for action, key, words in _ACTIONS)
    return (*layers, *others)
