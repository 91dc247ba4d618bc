"""The account that the service runs as."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

from devices.install.manifest import Item
from devices.install.step import Site
from devices.layout import Layout
from edge.errors import EdgeError


@dataclasses.dataclass(frozen=True)
class Account:
    """A system account, as a file for ``systemd-sysusers`` describes it.

    Attributes:
        name: of user and group.
        description: that file, as seen from here.
    """

    name: str
    description: Path

    @property
    def title(self) -> str:
        """Name it."""
        return f"account {self.name}"

    def check(self, site: Site) -> None:
        """Look for the program that makes accounts."""
        if not self.is_done(site) and os.geteuid() == 0 and shutil.which("systemd-sysusers") is None:
            raise EdgeError("systemd-sysusers is missing, which makes the account; on Debian: apt install systemd")

    def is_done(self, site: Site) -> bool:
        """Say whether it is there; nobody but root can make one, even in an image."""
        return user_exists(site.layout, self.name) or os.geteuid() != 0

    def describe(self, site: Site) -> list[str]:
        """Return the command."""
        return [f"run     {' '.join(self._command(site.layout))}"]

    def do(self, site: Site) -> None:
        """Make it."""
        site.manifest.enter(Item("account", self.name, kept=True))
        run(self._command(site.layout))

    def _command(self, layout: Layout) -> list[str]:
        where = [] if layout.here else [f"--root={layout.root}"]
        # By its name: it is looked for in the folders of the root that was given.
        return ["systemd-sysusers", *where, self.description.name]


def user_exists(layout: Layout, name: str) -> bool:
    """Say whether the device has that user."""
    return _row(layout.root / "etc/passwd", name) is not None


def group_of(layout: Layout, name: str) -> int | None:
    """Return the number of the device's group of that name; None where there is none."""
    row = _row(layout.root / "etc/group", name)
    return int(row[2]) if row else None


def remove(layout: Layout, name: str) -> None:
    """Remove user and group.

    Raises:
        EdgeError: the program for it is missing or failed.
    """
    where = [] if layout.here else ["--prefix", str(layout.root)]
    if user_exists(layout, name):
        run(["userdel", *where, name])
    if group_of(layout, name) is not None:
        run(["groupdel", *where, name])


def run(command: list[str], patience: float = 120) -> str:
    """Run a program of the system and return what it prints.

    Raises:
        EdgeError: it is missing, failed, or did not end in time; its last line is told.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=patience, check=False)
    except FileNotFoundError as error:
        raise EdgeError(f"{command[0]} is missing; install it and run this again") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EdgeError(f"{' '.join(command)}: {error}; run this again") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["no message"]
        raise EdgeError(f"{' '.join(command)} failed: {lines[-1]}; correct that and run this again")
    return done.stdout


def _row(path: Path, name: str) -> list[str] | None:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((row for line in lines if (row := line.split(":"))[0] == name and len(row) > 2), None)
