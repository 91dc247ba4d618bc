"""Where everything of an installed device lies, under any root: the machine's own, or an image's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

#: Owner of what the service writes.
USER = "edge-run"

#: The service.
UNIT = "edge-run.service"


@dataclasses.dataclass(frozen=True)
class Layout:
    """Paths of one device.

    Attributes:
        root: top of its file tree; another one than ``/`` is an image that is prepared, and nothing in it is run.
    """

    root: Path = Path("/")

    @property
    def here(self) -> bool:
        """Whether it is this machine, whose systemd can be asked."""
        return self.root.resolve() == Path("/")

    @property
    def opt(self) -> Path:
        """Software and models."""
        return self.root / "opt/emot-edge"

    @property
    def software(self) -> Path:
        """One environment a version; none is changed once it is complete."""
        return self.opt / "software"

    @property
    def current(self) -> Path:
        """Link to the environment that runs."""
        return self.opt / "current"

    @property
    def models(self) -> Path:
        """Bundles that updates brought."""
        return self.opt / "models"

    @property
    def current_model(self) -> Path:
        """Link to the bundle that runs; absent: the packaged one."""
        return self.models / "current"

    @property
    def config(self) -> Path:
        """Folder of what an owner may change."""
        return self.root / "etc/edge-run"

    @property
    def options(self) -> Path:
        """Options of ``edge-run``."""
        return self.config / "edge-run.toml"

    @property
    def secrets(self) -> Path:
        """Variables that hold passwords."""
        return self.config / "secrets.env"

    @property
    def update_options(self) -> Path:
        """How updates are taken."""
        return self.config / "update.toml"

    @property
    def update_keys(self) -> Path:
        """Public keys that may sign updates."""
        return self.config / "update-keys"

    @property
    def results(self) -> Path:
        """What the service writes."""
        return self.root / "var/lib/edge-run"

    @property
    def records(self) -> Path:
        """What installing and updating write down: how updates stand, for everybody; and what is root's alone."""
        return self.root / "var/lib/edge-update"

    @property
    def lock(self) -> Path:
        """Held by whoever installs, updates or removes."""
        return self.records / "lock"

    @property
    def manifest(self) -> Path:
        """Everything that was installed."""
        return self.records / "installed.json"

    @property
    def units(self) -> Path:
        """Units of systemd that an administrator adds."""
        return self.root / "etc/systemd/system"

    def inside(self, path: Path) -> Path:
        """Return a path as programs of the device see it: without the root."""
        return Path("/") / path.relative_to(self.root)

    def outside(self, path: Path | str) -> Path:
        """Return where a path of the device is seen from here."""
        return self.root / str(path).lstrip("/")
