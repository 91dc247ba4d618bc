"""Removing what was installed: what is on the list, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from devices.durable import aside
from devices.install import account
from devices.install.account import run
from devices.install.manifest import Item, Manifest
from devices.install.running import locked
from devices.install.service import reloading
from devices.layout import UNIT, USER, Layout
from edge.errors import EdgeError


def remove(
    layout: Layout, say: Callable[[str], None], *, purge: bool = False, dry_run: bool = False
) -> tuple[list[Item], list[Item]]:
    """Stop the service and remove it.

    Args:
        layout: the device.
        say: told each thing that is removed, or would be.
        purge: also what an owner wrote: options, secrets, keys, results; and the account that results belong to.
        dry_run: only say so.

    Returns:
        What was removed and what was kept.

    Raises:
        EdgeError: nothing was installed, or something can't be removed; a later run goes on from there.
    """
    manifest = Manifest(layout)
    records = str(layout.inside(layout.records))
    if not manifest.items and layout.records.is_dir():
        # The very first step of an installation was cut short, or the very last one of a removal.
        manifest.items[("tree", records)] = Item("tree", records)
    if not manifest.items:
        raise EdgeError(f"nothing of edge-device install is here: {layout.manifest} is missing")
    gone = [item for item in reversed(manifest.items.values()) if purge or not _is_kept(item, manifest)]
    kept = [item for item in manifest.items.values() if item not in gone]
    # The list goes last, and stays while there is anything on it.
    gone.sort(key=lambda item: item.path == records)
    if kept:
        gone = [item for item in gone if item.path != records and not records.startswith(f"{item.path}/")]
    if dry_run:
        for item in gone:
            say(f"remove  {item.kind} {item.path}")
        return gone, kept
    if layout.here:
        # Before the lock, which an update that runs as a service would hold to its end.
        _stop(manifest)
    with locked(layout, "edge-device uninstall"):
        for item in list(gone):
            if not _remove(layout, item):
                gone.remove(item)
                kept.append(item)
                continue
            if item.path != records:
                manifest.strike(item)
            say(f"removed {item.kind} {item.path}")
        if layout.here:
            for command in reloading():
                run(command)
    return gone, kept


def _is_kept(item: Item, manifest: Manifest) -> bool:
    """Say whether an owner's things would be missed: kept ones, what is inside of them, and what they belong to."""
    if item.kept:
        return True
    trees = [kept.path for kept in manifest.items.values() if kept.kept and kept.kind == "tree"]
    return any(item.path.startswith(f"{tree}/") for tree in trees) or (
        # Describes the account, which is kept.
        item.path.endswith(f"sysusers.d/{USER}.conf")
    )


def _stop(manifest: Manifest) -> None:
    units = {
        path.rpartition("/")[2]
        for kind, path in manifest.items
        if kind == "file" and path.endswith((".service", ".timer"))
    }
    # Timers first, lest one starts what was just stopped.
    ordered = sorted(units, key=lambda unit: (not unit.endswith(".timer"), unit != UNIT))
    if ordered:
        run(["systemctl", "stop", *ordered])
        with contextlib.suppress(EdgeError):  # what never failed can't be forgiven
            run(["systemctl", "reset-failed", *ordered])
    for unit in ordered:
        # When a persistent timer last ran.
        Path("/var/lib/systemd/timers", f"stamp-{unit}").unlink(missing_ok=True)
    shutil.rmtree("/run/edge-update", ignore_errors=True)


def _remove(layout: Layout, item: Item) -> bool:
    """Remove one thing, and say whether it is gone: a folder with something of somebody else in it stays."""
    if item.kind == "account":
        account.remove(layout, item.path)
        return True
    path = layout.outside(item.path)
    try:
        if item.kind == "tree":
            shutil.rmtree(path)
        elif item.kind == "folder":
            path.rmdir()
        else:
            aside(path).unlink(missing_ok=True)
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError as error:
        if item.kind == "folder" and error.errno == errno.ENOTEMPTY:
            return False
        raise EdgeError(f"cannot remove {path}: {error.strerror}; correct that and run this again") from error
    return True
