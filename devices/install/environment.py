"""The virtual environment that a version runs in: made once, never changed once it is complete."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path

import msgspec

from devices.durable import flush_disk, link, write
from devices.install import building
from devices.install.software import MODULES, Software
from devices.install.step import Site
from devices.layout import Layout
from devices.update.places import COMPLETE


class Recipe(msgspec.Struct, frozen=True):
    """What an environment was made for; the content of its marker.

    Attributes:
        version: of the distribution.
        extras: further parts, sorted.
    """

    version: str
    extras: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Environment:
    """The step that makes one."""

    software: Software

    @property
    def title(self) -> str:
        """Name it."""
        return f"software {self.software.version}"

    def check(self, site: Site) -> None:
        """Look whether it can be built here."""
        if not self.is_done(site):
            building.check(site.layout)

    def is_done(self, site: Site) -> bool:
        """Say whether there is a complete one that has all that is wanted."""
        return find(site.layout, self.software) is not None

    def describe(self, site: Site) -> list[str]:
        """Say what would be made of what."""
        folder = free(site.layout, self.software.version)
        lines = [f"build   {folder}/: {self.software.requirement} from {self.software.origin}"]
        return ([f"remove  {folder}/, which was not finished", *lines]) if folder.exists() else lines

    def do(self, site: Site) -> None:
        """Build it; what an interrupted run left is thrown away first."""
        folder = free(site.layout, self.software.version)
        if folder.exists():
            shutil.rmtree(folder)
        site.layout.software.mkdir(exist_ok=True)
        site.say(f"building {folder} from {self.software.origin}; minutes on a small device")
        building.build(site.layout, folder, self.software)
        # All of it, before the marker says so.
        flush_disk(folder)
        write(folder / COMPLETE, msgspec.json.encode(Recipe(self.software.version, self.software.extras)))


@dataclasses.dataclass(frozen=True)
class Activation:
    """The step that makes an environment the one that runs."""

    software: Software

    @property
    def title(self) -> str:
        """Name it."""
        return f"version {self.software.version} active"

    def check(self, site: Site) -> None:
        """Nothing can be in the way: the folder is ours."""

    def is_done(self, site: Site) -> bool:
        """Say whether the one that runs has all that is wanted."""
        return satisfies(site.layout.current, self.software)

    def describe(self, site: Site) -> list[str]:
        """Say what would run."""
        folder = find(site.layout, self.software) or free(site.layout, self.software.version)
        return [f"link    {site.layout.current} -> software/{folder.name}"]

    def do(self, site: Site) -> None:
        """Switch, in one step."""
        folder = find(site.layout, self.software)
        assert folder is not None  # the step before made it
        # Relative: the same link is right on the device and in an image seen from outside.
        link(site.layout.current, f"software/{folder.name}")


def recipe(folder: Path) -> Recipe | None:
    """Return what a complete environment was made for; None of one that isn't complete."""
    try:
        data = (folder / COMPLETE).read_bytes()
    except OSError:
        return None
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.json.decode(data, type=Recipe)
    # An update made it, whose mark is empty.
    packages = [path.name for path in folder.glob("lib/python3*/site-packages/*")]
    extras = tuple(sorted(extra for extra, module in MODULES.items() if module in packages))
    return Recipe(folder.resolve().name.partition("-")[0], extras)


def satisfies(folder: Path, software: Software) -> bool:
    """Say whether an environment is complete and has all that is wanted."""
    made = recipe(folder)
    return made is not None and made.version == software.version and set(software.extras) <= set(made.extras)


def find(layout: Layout, software: Software) -> Path | None:
    """Return a complete environment that has all that is wanted, best the one that runs."""
    if satisfies(layout.current, software):
        return layout.software / layout.current.resolve().name
    present = sorted(layout.software.glob("*")) if layout.software.is_dir() else []
    return next((folder for folder in present if satisfies(folder, software)), None)


def free(layout: Layout, version: str) -> Path:
    """Return where the next environment for a version goes: the first place that has no complete one."""
    number, folder = 1, layout.software / version
    while recipe(folder) is not None:
        number += 1
        folder = layout.software / f"{version}-{number}"
    return folder
