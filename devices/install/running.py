"""Going through the steps of an installation, or only saying what they would change."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence

from devices.install.manifest import Choices, Manifest
from devices.install.step import Site, Step
from devices.layout import Layout
from devices.lock import held
from edge.errors import EdgeError

#: After a disk that is full or broken.
_ON = "what was there is unchanged; correct that and run this again"


def need_root(layout: Layout, say: Callable[[str], None]) -> None:
    """Look whether this process may change a device.

    Raises:
        EdgeError: it is this machine, and it may not.
    """
    if os.geteuid() == 0:
        return
    if layout.here:
        raise EdgeError("this changes the system: run it as root, with sudo")
    say("not root: what is made in the image belongs to you, and the account is missing; run it with sudo for a device")


def preview(layout: Layout, steps: Sequence[Step], say: Callable[[str], None]) -> list[str]:
    """Return what the steps would change, in lines; changes nothing."""
    site = Site(layout, Manifest(layout), say)
    lines = []
    for step in steps:
        step.check(site)
        if not step.is_done(site):
            lines += step.describe(site)
            site.changed.append(step.title)
    return lines


def perform(layout: Layout, steps: Sequence[Step], choices: Choices, say: Callable[[str], None]) -> list[str]:
    """Do what is left to do and return the titles of what was done.

    Everything that could stop a step is looked for before the first one changes anything.

    Raises:
        EdgeError: a step can't be done. What was done stays, and a later run goes on from there.
    """
    for step in steps:
        step.check(Site(layout, Manifest(layout), say))
    with locked(layout, "edge-device install"):
        site = Site(layout, Manifest(layout), say)
        try:
            for step in steps:
                if not step.is_done(site):
                    step.do(site)
                    site.changed.append(step.title)
                    say(step.title)
            site.manifest.choose(choices)
        except OSError as error:
            raise EdgeError(f"cannot write {error.filename or layout.opt}: {error.strerror}; {_ON}") from error
    return site.changed


def locked(layout: Layout, command: str) -> contextlib.AbstractContextManager[None]:
    """Keep others (an update) from changing the device meanwhile; waits for one that does.

    Raises:
        EdgeError: the lock can't be made.
    """
    return held(layout.lock, wait=True, command=command)
