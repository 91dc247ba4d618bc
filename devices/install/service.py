"""Steps that tell this machine's systemd and udev what is new. An image has neither running, and needs none of them."""

from __future__ import annotations

import configparser
import dataclasses
import time
from pathlib import Path

from devices.install.account import run
from devices.install.options import FIRMWARE
from devices.install.step import Site
from devices.layout import UNIT
from edge.errors import EdgeError

#: Seconds that a start is watched; a small device loads a model for some of them.
_WATCHED = 60


def shipped_units() -> list[Path]:
    """Return the units that go onto every device: all that lie beside ``edge-run.service``."""
    return sorted([*FIRMWARE.glob("edge-*.service"), *FIRMWARE.glob("edge-*.timer")])


def wanted_by(unit: Path) -> list[str]:
    """Return which targets start a unit, as its section ``[Install]`` says."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    return parser.get("Install", "WantedBy", fallback="").split()


def reloading() -> list[list[str]]:
    """Return the commands that make systemd and udev read their files again."""
    commands = [["systemctl", "daemon-reload"]]
    if Path("/run/udev/control").exists():  # containers have no udev
        commands.append(["udevadm", "control", "--reload"])
        # What is there already gets the rights that the new rule gives.
        commands.append(["udevadm", "trigger", "--subsystem-match=dma_heap"])
    return commands


def state(unit: str = UNIT) -> str:
    """Return ``active``, ``inactive``, ``failed``, ``activating``, ...; never fails for that."""
    return run(["systemctl", "show", "--property=ActiveState", "--value", unit]).strip()


@dataclasses.dataclass(frozen=True)
class Reload:
    """Make systemd and udev read what was written in this run."""

    @property
    def title(self) -> str:
        """Name it."""
        return "systemd and udev told"

    def check(self, site: Site) -> None:
        """Look whether systemd runs this machine."""
        if not Path("/run/systemd/system").is_dir():
            raise EdgeError("systemd does not run this machine; to prepare another one's files, say where: --root DIR")

    def is_done(self, site: Site) -> bool:
        """Say whether systemd knows the files as they are."""
        shown = run(["systemctl", "show", "--property=NeedDaemonReload,LoadState", UNIT])
        return "NeedDaemonReload=no" in shown and "LoadState=loaded" in shown and not self._touched(site)

    def describe(self, site: Site) -> list[str]:
        """Return the commands."""
        return [f"run     {' '.join(command)}" for command in reloading()]

    def do(self, site: Site) -> None:
        """Run them."""
        for command in reloading():
            run(command)

    def _touched(self, site: Site) -> bool:
        return any("/etc/systemd/" in title or "/etc/udev/" in title for title in site.changed)


@dataclasses.dataclass(frozen=True)
class Start:
    """Start the service, or start it again where what it runs has changed, and see what comes of it."""

    @property
    def title(self) -> str:
        """Name it."""
        return "service started"

    def check(self, site: Site) -> None:
        """Nothing can be in the way."""

    def is_done(self, site: Site) -> bool:
        """Say whether it runs as it is installed."""
        return not site.changed and state() in ("active", "activating")

    def describe(self, site: Site) -> list[str]:
        """Return the commands."""
        return [f"run     {' '.join(command)}" for command in self._commands()]

    def do(self, site: Site) -> None:
        """Start it; a service that doesn't come up is told, and tries again by itself."""
        for command in self._commands():
            run(command)
        patience = time.monotonic() + _WATCHED
        while (now := state()) != "active" and time.monotonic() < patience:
            time.sleep(0.5)
        if now != "active":
            site.say(f"the service is {now}; what it says: edge-device logs")

    def _commands(self) -> list[list[str]]:
        timers = [path.name for path in shipped_units() if path.suffix == ".timer"]
        starting = [["systemctl", "start", *timers]] if timers else []
        # Not waited for: a start that takes long, or fails for now, is no failed installation.
        return [*starting, ["systemctl", "restart", "--no-block", UNIT]]
