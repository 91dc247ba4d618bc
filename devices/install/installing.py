"""``edge-device install``: from what was asked for to a device that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devices.install.manifest import Choices, Manifest, changed
from devices.install.options import FIRMWARE, render, resolve
from devices.install.plan import plan
from devices.install.running import need_root, perform, preview
from devices.install.software import choose, parse_extras
from devices.layout import Layout
from devices.update.keys import read_public
from edge.errors import EdgeError


def install(
    root: Path,
    *,
    wheels: Path | None,
    asked: Mapping[str, str | None],
    keys: Sequence[Path] = (),
    start: bool,
    dry_run: bool,
    say: Callable[[str], None],
) -> list[str]:
    """Install, or complete an installation.

    Args:
        root: the device's file tree.
        wheels: folder of packages; None: the package index.
        asked: fields of :class:`Choices`; None is as it was, or as it is found.
        keys: public keys of those who may sign updates.
        start: start the service.
        dry_run: only tell what would change.
        say: told what happens, in lines.

    Returns:
        What was changed, or would be; empty: everything was there.

    Raises:
        EdgeError: something is in the way. Nothing was changed where it could be known before.
    """
    if not root.is_dir():
        raise EdgeError(f"{root} is no folder; --root takes the file tree of a device")
    layout = Layout(root.resolve())
    if not dry_run:
        need_root(layout, say)
    for key in keys:
        read_public(key)
        if key.suffix != ".pub":
            raise EdgeError(f"--update-key {key}: public keys are files *.pub; give it such a name")
    extras = asked.get("extras")
    given = {**asked, "extras": None if extras is None else parse_extras(extras)}
    before = Manifest(layout).choices
    wanted = changed(before or Choices(), given)
    # Updates prove their signatures with a package that nothing else needs.
    more = ("update",) if (FIRMWARE / "edge-update.service").is_file() else ()
    software = choose(wheels, (*wanted.extras, *more))
    profile, choices = resolve(layout, wanted)
    steps = plan(layout, profile, choices, software, keys=keys, start=start)
    if dry_run:
        lines = preview(layout, steps, say)
        for line in lines:
            say(line)
        return lines
    yours = layout.options.is_file() and choices != (before or choices)
    done = perform(layout, steps, choices, say)
    if yours and layout.options.read_bytes() != render(layout, profile, choices):
        say(f"{layout.options} is yours and was not changed; what was asked for now has to be entered there by hand")
    return done
