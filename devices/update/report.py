"""How updates stand, in words."""

from __future__ import annotations

from devices.update.journal import Event, Installed, installed, read_history, read_switch
from devices.update.keys import read_keys
from devices.update.places import KINDS, Places
from devices.update.switching import BOOTS, tree_of
from edge.errors import EdgeError

#: Events that are shown.
_SHOWN = 5


def describe(places: Places) -> str:
    """Return what is active, what could be gone back to, who may sign, and what happened last."""
    lines = []
    for kind in KINDS:
        active = installed(places.active(kind))
        none = "the package's own" if kind == "model" else "not one that updates replace"
        lines.append(f"{kind:<10} {_words(active) if active else none}")
        before = tree_of(places, kind, places.previous(kind))
        if before is not None:
            lines.append(f"{'':<10} before it: {_words(installed(places.trees(kind) / before))}")
    entry = read_switch(places)
    if entry is not None:
        boots = f", {entry.attempts} of {BOOTS} boots without a confirmation" if entry.attempts else ""
        lines.append(f"{'open':<10} {entry.kind} {entry.version}: not confirmed yet{boots}")
    lines.append(f"{'keys':<10} {_keys(places)}")
    events = read_history(places)[-_SHOWN:]
    if events:
        lines += ["", *map(_line, reversed(events))]
    return "\n".join(lines)


def _words(found: Installed | None) -> str:
    if found is None:
        return "unknown"
    title = f"{found.name} {found.version}".strip()
    return f"{title} ({found.tree})" if title and title != found.tree else found.tree


def _keys(places: Places) -> str:
    try:
        keys = read_keys(places.update_keys)
    except EdgeError as error:
        return str(error)
    except PermissionError:
        return f"{places.update_keys} can't be read by this user"
    return ", ".join(f"{key.words} ({key.name})" for key in keys)


def _line(event: Event) -> str:
    about = f"{event.kind} {event.version}".strip() or event.source
    return f"{event.time}  {event.outcome:<11}  {about}" + (f": {event.message}" if event.message else "")
