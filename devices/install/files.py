"""Steps that make folders, files and links."""

from __future__ import annotations

import dataclasses
import difflib
import os
import stat
from pathlib import Path

from devices.durable import flush, link, write
from devices.install.account import group_of
from devices.install.manifest import Item, Kind, digest
from devices.install.step import Site
from edge.errors import EdgeError

#: A difference longer than this is cut.
_LINES = 40

#: How updates stand is for everybody to read, as StateDirectoryMode= of edge-update.service says; what is root's alone
#: has a mode of its own.
_READABLE = 0o755


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder; one that is there stays as it is and is not ours.

    Attributes:
        path: as seen from here.
        mode: permissions.
        kind: ``tree``: whatever comes into it later is ours as well.
        kept: it holds what an owner wrote.
    """

    path: Path
    mode: int = 0o755
    kind: Kind = "folder"
    kept: bool = False

    @property
    def title(self) -> str:
        """Name it."""
        return f"folder {self.path}"

    def check(self, site: Site) -> None:
        """Look for something else in its place."""
        if (self.path.exists() or self.path.is_symlink()) and not self.path.is_dir():
            raise EdgeError(f"{self.path} is there and no folder; move it away and run this again")

    def is_done(self, site: Site) -> bool:
        """Say whether it is there; ours needs the right mode as well."""
        if not self.path.is_dir():
            return False
        ours = site.manifest.listed(self.kind, self.path) is not None
        return not ours or stat.S_IMODE(self.path.stat().st_mode) == self.mode

    def describe(self, site: Site) -> list[str]:
        """Say what it would be."""
        return [f"make    {self.path}/ (mode {self.mode:04o})"]

    def do(self, site: Site) -> None:
        """Make it."""
        site.manifest.enter(Item(self.kind, str(site.layout.inside(self.path)), kept=self.kept))
        try:
            self.path.mkdir(self.mode, exist_ok=True)
            self.path.chmod(self.mode)  # whatever mask root works with
            flush(self.path.parent)
        except OSError as error:
            raise EdgeError(f"cannot make {self.path}: {error.strerror}; correct that and run this again") from error


@dataclasses.dataclass(frozen=True)
class Records:
    """The folder of the list itself, which is therefore made before it is entered; its name is ours alone."""

    path: Path

    @property
    def title(self) -> str:
        """Name it."""
        return f"folder {self.path}"

    def check(self, site: Site) -> None:
        """Look for something else in its place."""
        Folder(self.path).check(site)

    def is_done(self, site: Site) -> bool:
        """Say whether it is there and on the list."""
        return self.path.is_dir() and site.manifest.listed("tree", self.path) is not None

    def describe(self, site: Site) -> list[str]:
        """Say what it would be."""
        return Folder(self.path, _READABLE).describe(site)

    def do(self, site: Site) -> None:
        """Make it."""
        try:
            self.path.mkdir(_READABLE, parents=True, exist_ok=True)
            self.path.chmod(_READABLE)
        except OSError as error:
            raise EdgeError(f"cannot make {self.path}: {error.strerror}; correct that and run this again") from error
        site.manifest.enter(Item("tree", str(site.layout.inside(self.path))))


@dataclasses.dataclass(frozen=True)
class File:
    """A file.

    Attributes:
        path: as seen from here.
        data: what it holds.
        mode: permissions.
        group: its group's name; empty: root's.
        owners: it is written once and belongs to the device's owner from then on.
    """

    path: Path
    data: bytes
    mode: int = 0o644
    group: str = ""
    owners: bool = False

    @property
    def title(self) -> str:
        """Name it."""
        return f"file {self.path}"

    def check(self, site: Site) -> None:
        """Look for a file of somebody else in its place, or changes by hand."""
        if self.path.is_dir():
            raise EdgeError(f"{self.path} is a folder; move it away and run this again")
        present = _content(self.path)
        if self.owners or present is None or present == self.data:
            return
        entry = site.manifest.listed("file", self.path)
        if entry is None:
            raise EdgeError(f"{self.path} is there and not from edge-device install; move it away and run this again")
        if digest(present) not in entry.contents:
            raise EdgeError(
                f"{self.path} was changed by hand; move the changes to a drop-in (systemctl edit edge-run), "
                "delete the file and run this again"
            )

    def is_done(self, site: Site) -> bool:
        """Say whether it is there, with content, mode and group."""
        if not self.path.is_file() or (not self.owners and _content(self.path) != self.data):
            return False
        if self.owners and site.manifest.listed("file", self.path) is None:
            return True  # an owner's, from before
        status = self.path.stat()
        return stat.S_IMODE(status.st_mode) == self.mode and status.st_gid == self._gid(site, status.st_gid)

    def describe(self, site: Site) -> list[str]:
        """Say what it would be, and how it differs from what is there."""
        owner = f", group {self.group}" if self.group else ""
        present = _content(self.path)
        if self.owners and present is not None:
            return [f"own     {self.path} (mode {self.mode:04o}{owner})"]
        head = f"write   {self.path} (mode {self.mode:04o}{owner}, {len(self.data.splitlines())} lines)"
        if present is None:
            return [head]
        old, new = (data.decode(errors="replace").splitlines() for data in (present, self.data))
        lines = [line.rstrip("\n") for line in difflib.unified_diff(old, new, n=0, lineterm="")][2:]
        more = [f"... and {len(lines) - _LINES} lines more"] if len(lines) > _LINES else []
        return [head, *(f"        {line}" for line in [*lines[:_LINES], *more])]

    def do(self, site: Site) -> None:
        """Write it."""
        site.manifest.enter(Item("file", str(site.layout.inside(self.path)), (digest(self.data),), kept=self.owners))
        if self.owners and self.path.is_file():
            if (gid := self._gid(site, None)) is not None:
                os.chown(self.path, -1, gid)
            self.path.chmod(self.mode)
        else:
            write(self.path, self.data, self.mode, self._gid(site, None))

    def _gid(self, site: Site, otherwise: int | None) -> int | None:
        # Only root may give files away; who prepares an image as somebody else is told so at the start.
        if not self.group or os.geteuid() != 0:
            return otherwise
        found = group_of(site.layout, self.group)
        if found is None:
            return -1 if otherwise is not None else None
        return found


@dataclasses.dataclass(frozen=True)
class Link:
    """A symbolic link.

    Attributes:
        path: as seen from here.
        target: what it names, on the device.
    """

    path: Path
    target: str

    @property
    def title(self) -> str:
        """Name it."""
        return f"link {self.path}"

    def check(self, site: Site) -> None:
        """Look for something of somebody else in its place."""
        present = self.path.exists() or self.path.is_symlink()
        ours = self.path.is_symlink() and site.manifest.listed("link", self.path) is not None
        if present and not ours and not self.is_done(site):
            raise EdgeError(f"{self.path} is there and not from edge-device install; move it away and run this again")

    def is_done(self, site: Site) -> bool:
        """Say whether it names its target."""
        return self.path.is_symlink() and str(self.path.readlink()) == self.target

    def describe(self, site: Site) -> list[str]:
        """Say what it would name."""
        return [f"link    {self.path} -> {self.target}"]

    def do(self, site: Site) -> None:
        """Make it, or point it there."""
        site.manifest.enter(Item("link", str(site.layout.inside(self.path))))
        link(self.path, self.target)


@dataclasses.dataclass(frozen=True)
class Leftovers:
    """Units, drop-ins and links of an earlier installation that this one no longer has.

    Attributes:
        folder: where they lie, as seen from here.
        wanted: what this installation has there.
    """

    folder: Path
    wanted: frozenset[Path]

    @property
    def title(self) -> str:
        """Name it."""
        return f"no leftovers in {self.folder}"

    def check(self, site: Site) -> None:
        """Nothing can be in the way."""

    def is_done(self, site: Site) -> bool:
        """Say whether there are none."""
        return not self._found(site)

    def describe(self, site: Site) -> list[str]:
        """Name them."""
        return [f"remove  {path}" for path in self._found(site)]

    def do(self, site: Site) -> None:
        """Remove them."""
        for path, item in self._found(site).items():
            path.unlink(missing_ok=True)
            site.manifest.strike(item)

    def _found(self, site: Site) -> dict[Path, Item]:
        listed = {site.layout.outside(i.path): i for i in site.manifest.items.values() if i.kind in ("file", "link")}
        return {path: i for path, i in listed.items() if self.folder in path.parents and path not in self.wanted}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EdgeError(f"cannot read {path}: {error.strerror}; sudo is needed to look there") from error
