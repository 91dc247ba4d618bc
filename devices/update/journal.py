"""What is remembered: the switch under way, what happened so far, and how things stand."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import msgspec

from devices import durable
from devices.update.places import KINDS, RECORD, Kind, Places

#: Version of these files; keys are only ever added, and read by older and newer software alike.
SCHEMA = 1

#: ``confirmed``: it runs. ``rolled back``: it was switched to and taken back. ``failed``: unfit here, not switched to.
#: ``trying``: its trial begins; if nothing follows, the power went, perhaps because of it.
#: ``refused``: not to be trusted, or not for this device. ``error``: could not be tried; the next time it may go well.
#: ``interrupted``: the power went, or it was stopped, before the switch.
Outcome = Literal["confirmed", "rolled back", "failed", "refused", "error", "interrupted", "trying"]


class Switch(msgspec.Struct, frozen=True):
    """A switch from one tree to another, until it is confirmed or taken back.

    Attributes:
        kind: of what.
        old: name of the tree before; None: no link was there (a model: the package's own).
        new: name of the tree to come; None as above.
        before: name of the tree that ``previous`` led to.
        state: ``switching``: the link may lead to either; ``unconfirmed``: it led to ``new``.
        name: of the update.
        version: of it.
        digest: SHA-256 of its file.
        attempts: boots since then that were not confirmed.
        boot: the one that was counted last.
        schema: version of this record.
    """

    kind: Kind
    old: str | None
    new: str | None
    before: str | None
    state: Literal["switching", "unconfirmed"]
    name: str = ""
    version: str = ""
    digest: str = ""
    attempts: int = 0
    boot: str = ""
    schema: int = SCHEMA


class Installed(msgspec.Struct, frozen=True):
    """Which update a tree came from; empty where that isn't known.

    Attributes:
        name: of the update.
        version: of it.
        digest: SHA-256 of its file.
        tree: name of the folder.
    """

    name: str = ""
    version: str = ""
    digest: str = ""
    tree: str = ""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened.

    Attributes:
        time: UTC, as the device's clock had it.
        outcome: see :data:`Outcome`.
        kind: of the update, if that is known.
        name: of it.
        version: of it.
        digest: SHA-256 of its file.
        source: where it came from.
        message: in one line.
    """

    time: str
    outcome: Outcome
    kind: str = ""
    name: str = ""
    version: str = ""
    digest: str = ""
    source: str = ""
    message: str = ""


class Standing(msgspec.Struct, frozen=True):
    """How things stand.

    Attributes:
        time: of this record, UTC.
        model: the active one; None: the package's own.
        software: the active one; None: not one that updates replace.
        unconfirmed: ``model`` or ``software``: a switch of it must still prove itself; else empty.
        last: what happened last.
        schema: version of this record.
    """

    time: str
    model: Installed | None
    software: Installed | None
    unconfirmed: str
    last: Event | None
    schema: int = SCHEMA


def now() -> str:
    """Return the time, UTC, in words."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read_switch(places: Places) -> Switch | None:
    """Return the switch under way; None: there is none, or a record that nobody can read."""
    try:
        return msgspec.json.decode(places.journal.read_bytes(), type=Switch)
    except (OSError, msgspec.DecodeError):
        return None


def write_switch(places: Places, switch: Switch) -> None:
    """Remember a switch."""
    durable.write(places.journal, msgspec.json.encode(switch))


def installed(tree: Path | None) -> Installed | None:
    """Return which update a tree came from; one that came with the installation is known by its folder's name."""
    if tree is None:
        return None
    try:
        return msgspec.json.decode((tree / RECORD).read_bytes(), type=Installed)
    except (OSError, msgspec.DecodeError):
        version = tree.name.partition("-")[0] if tree.parent.name == "software" else ""
        return Installed(version=version, tree=tree.name)


def read_history(places: Places) -> list[Event]:
    """Return what happened, oldest first; a line that a power cut spoiled is left out."""
    events = []
    for line in places.history.read_bytes().splitlines() if places.history.exists() else []:
        try:
            events.append(msgspec.json.decode(line, type=Event))
        except msgspec.DecodeError:
            continue
    return events


def record(places: Places, event: Event) -> None:
    """Remember what happened, and tell others how things stand."""
    durable.append(places.history, msgspec.json.encode(event))
    tell(places)


def standing(places: Places) -> Standing:
    """Return how things stand."""
    model, software = (installed(places.active(kind)) for kind in KINDS)
    switch = read_switch(places)
    events = read_history(places)
    return Standing(now(), model, software, switch.kind if switch else "", events[-1] if events else None)


def tell(places: Places) -> None:
    """Write how things stand, for others to read."""
    durable.write(places.last, msgspec.json.format(msgspec.json.encode(standing(places)), indent=2) + b"\n")
