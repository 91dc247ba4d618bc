"""From one tree to another and back: a link that is renamed, and a journal that says what that link is worth.

At any instant the link leads to a complete tree, the old or the new. The journal is written before the link changes,
and removed when the new tree has proved itself: whoever finds one has a switch to confirm or to take back.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from devices import durable
from devices.update.journal import (
    Event,
    Installed,
    Outcome,
    Switch,
    installed,
    now,
    read_switch,
    record,
    tell,
    write_switch,
)
from devices.update.places import KINDS, Kind, Places, is_complete
from devices.update.runtime import UnfitError
from devices.update.service import Service
from edge.errors import EdgeError

_KERNELS = Path("/proc/sys/kernel/random/boot_id")

#: Boots that may go by without a confirmation.
BOOTS = 2


def tree_of(places: Places, kind: Kind, link: Path) -> str | None:
    """Return the name of the tree that a link leads to, if it is whole."""
    if not link.is_symlink():
        return None
    name = link.readlink().name
    return name if is_complete(kind, places.trees(kind) / name) else None


def is_used(places: Places, kind: Kind, tree: str) -> bool:
    """Say whether a link leads to a tree, whole or not."""
    links = (places.link(kind), places.previous(kind))
    return any(link.is_symlink() and link.readlink().name == tree for link in links)


def switch(
    places: Places, kind: Kind, new: Path | None, update: Installed, service: Service, seconds: float, message: str = ""
) -> None:
    """Switch to a complete tree, start the service anew, and confirm or take back.

    Args:
        places: the device.
        kind: of what.
        new: the tree; None: no link, so that a model is the package's own.
        update: which update it came from.
        service: runs it.
        seconds: how long it must run.
        message: for the record of a success.

    Raises:
        UnfitError: the service did not come up or did not stay, and the old tree is back.
    """
    old = tree_of(places, kind, places.link(kind))
    before = tree_of(places, kind, places.previous(kind))
    ran = service.state() != "stopped"
    entry = Switch(
        kind, old, new.name if new else None, before, "switching", update.name, update.version, update.digest
    )
    write_switch(places, entry)
    # The old software takes a switch back at boot, when the new one may not even start.
    _lead(places, kind, places.previous(kind), old)
    _lead(places, kind, places.link(kind), entry.new)
    entry = msgspec.structs.replace(entry, state="unconfirmed")
    write_switch(places, entry)
    tell(places)
    wrong = (service.restart() or service.watch(seconds)) if ran else ""
    if wrong:
        take_back(places, entry, wrong, service)
        raise UnfitError(f"{_title(entry)} was taken back: {wrong}")
    confirm(places, entry, message + ("" if ran else "; the service is stopped, so nothing watched it run"))


def confirm(places: Places, entry: Switch, message: str) -> None:
    """Say that a switch is good."""
    _close(places, entry, "confirmed", message)


def take_back(places: Places, entry: Switch, why: str, service: Service | None) -> None:
    """Lead the link back, and start the service anew where ``service`` is given."""
    ran = service is not None and service.state() != "stopped"
    if _is_whole(places, entry.kind, entry.old):
        _lead(places, entry.kind, places.link(entry.kind), entry.old)
        _lead(places, entry.kind, places.previous(entry.kind), entry.before)
    else:
        why += "; nothing is left to go back to"
    _close(places, entry, "rolled back", why)
    if service is not None and ran:
        service.restart()


def settle(places: Places, service: Service, seconds: float, boot: str) -> str:
    """Bring a switch that is not confirmed to its end, in a system that runs; return what came of it, or nothing.

    Somebody has to: the timer's agent does it after each boot, and whoever wants to change something does it first.

    Args:
        places: the device.
        service: runs what was switched to.
        seconds: how long it must run.
        boot: id of this boot. A service that was started before the switch would prove nothing: unless the switch was
            counted at this boot, before the service started, it is started anew.
    """
    found = read_switch(places)
    entry = _pending(places)
    state = service.state()
    if entry is None:
        if found is not None and found.state == "unconfirmed" and state != "stopped":
            service.restart()
        return ""
    wrong = ""
    if state != "stopped":
        wrong = service.restart() if entry.boot != boot else ""
        wrong = wrong or service.watch(seconds)
    if wrong:
        take_back(places, entry, wrong, service)
        return f"{_title(entry)} was taken back: {wrong}"
    confirm(places, entry, "confirmed after a restart" + (", the service is stopped" if state == "stopped" else ""))
    return f"{_title(entry)} is confirmed"


def count_boot(places: Places, boot: str) -> str:
    """Count a boot against a switch that is not confirmed, before the service starts; take it back at the third.

    Args:
        places: the device.
        boot: its id; the same boot is counted once.

    Returns:
        What came of it, or nothing.
    """
    mend(places)
    entry = _pending(places)
    if entry is None or entry.boot == boot:
        return ""
    if entry.attempts >= BOOTS:
        take_back(places, entry, f"{BOOTS} boots went by without a confirmation", None)
        return f"{_title(entry)} was taken back: {BOOTS} boots went by without a confirmation"
    write_switch(places, msgspec.structs.replace(entry, attempts=entry.attempts + 1, boot=boot, state="unconfirmed"))
    return f"{_title(entry)} is not confirmed yet, boot {entry.attempts + 1} of {BOOTS}"


def read_boot(folder: Path = Path("/run/edge-update")) -> str:
    """Return an id of this boot, the same until the next one.

    It is made up and kept in memory: the kernel's own belongs to the whole machine, and a service in a container, which
    starts anew with every start of that, would find the same one each time.

    Args:
        folder: that is empty after a boot; units get it by ``RuntimeDirectory=``.
    """
    path = folder / "boot"
    try:
        if not path.exists():
            folder.mkdir(mode=0o755, exist_ok=True)
            aside = path.with_name(f"boot.{os.getpid()}")
            aside.write_text(os.urandom(16).hex())
            # Whoever was first has named it.
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
            aside.unlink()
        return path.read_text().strip()
    except OSError:
        return _KERNELS.read_text().strip() if _KERNELS.exists() else ""


def mend(places: Places) -> None:
    """Lead links that lead nowhere to the newest complete tree, or remove them where there is none.

    No power cut makes such a link; a repaired file system, or somebody's hand, may.
    """
    for kind in KINDS:
        link = places.link(kind)
        if link.is_symlink() and tree_of(places, kind, link) is None:
            whole = places.complete(kind)
            if whole or kind == "model":
                _lead(places, kind, link, whole[-1].name if whole else None)
                record(places, Event(now(), "rolled back", kind, message=f"{link} led nowhere"))


def go_back(places: Places, kind: Kind, service: Service, seconds: float) -> str:
    """Go back to the version before, and return which that is.

    Raises:
        EdgeError: there is none, or it doesn't run either.
    """
    link = places.link(kind)
    present, target = tree_of(places, kind, link), tree_of(places, kind, places.previous(kind))
    if target is None and (kind == "software" or present is None):
        raise EdgeError(f"there is no earlier {kind} on this device to go back to")
    tree = places.trees(kind) / target if target else None
    left = installed(places.active(kind)) or Installed()
    switch(places, kind, tree, installed(tree) or Installed(), service, seconds, "gone back to")
    # So that nobody brings by itself what somebody has just left.
    record(places, Event(now(), "rolled back", kind, left.name, left.version, left.digest, message="by hand"))
    return target or "the package's own"


def prune(places: Places, keep: int) -> None:
    """Remove trees that are neither active nor the one before, oldest first, until ``keep`` are left of each kind."""
    for kind in KINDS:
        trees = places.complete(kind)
        spare = [tree for tree in trees if not is_used(places, kind, tree.name)]
        for tree in spare[: max(0, len(trees) - keep)]:
            durable.remove_tree(tree)


def _pending(places: Places) -> Switch | None:
    """Return the switch that is not confirmed; one that never happened, or is taken back already, is closed."""
    entry = read_switch(places)
    if entry is None:
        if places.journal.exists():
            durable.remove(places.journal)
        return None
    here = tree_of(places, entry.kind, places.link(entry.kind))
    if here == entry.new:
        return entry
    undone: Outcome = "interrupted" if entry.state == "switching" else "rolled back"
    _lead(places, entry.kind, places.previous(entry.kind), entry.before)
    _close(
        places, entry, undone, "interrupted before the switch" if undone == "interrupted" else "was being taken back"
    )
    return None


def _close(places: Places, entry: Switch, outcome: Outcome, message: str) -> None:
    """Write down how a switch ended; a power cut before the last line only makes the next one find it again."""
    record(places, Event(now(), outcome, entry.kind, entry.name, entry.version, entry.digest, "", message.strip("; ")))
    durable.remove(places.journal)
    tell(places)


def _lead(places: Places, kind: Kind, link: Path, tree: str | None) -> None:
    if tree is None:
        durable.remove(link)
    else:
        durable.link(link, places.target(kind, tree))


def _is_whole(places: Places, kind: Kind, tree: str | None) -> bool:
    if tree is None:
        return kind == "model"
    return is_complete(kind, places.trees(kind) / tree)


def _title(entry: Switch) -> str:
    version = entry.version or entry.new or "of the package"
    return f"{entry.kind} {version}"
