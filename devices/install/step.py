"""What an installation is made of: steps that know whether they are done."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from devices.install.manifest import Manifest
from devices.layout import Layout


@dataclasses.dataclass
class Site:
    """Where steps work.

    Attributes:
        layout: the device.
        manifest: what was made so far.
        say: told what takes long, or what an owner has to know.
        changed: titles of the steps that did something in this run.
    """

    layout: Layout
    manifest: Manifest
    say: Callable[[str], None]
    changed: list[str] = dataclasses.field(default_factory=list)


class Step(Protocol):
    """One thing to be made."""

    @property
    def title(self) -> str:
        """Name it in a few words."""
        ...

    def check(self, site: Site) -> None:
        """Look for what would stop it, before anything is changed.

        Raises:
            EdgeError: something is in the way.
        """
        ...

    def is_done(self, site: Site) -> bool:
        """Say whether nothing is left to do."""
        ...

    def describe(self, site: Site) -> list[str]:
        """Return what :meth:`do` would change, in lines."""
        ...

    def do(self, site: Site) -> None:
        """Do it. Cut short at any instant, a later call completes it.

        Raises:
            EdgeError: it can't be done.
        """
        ...
