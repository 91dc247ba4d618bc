"""The service that runs what was updated: restarting it, and seeing whether it lives."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Literal, Protocol

#: What it is called.
UNIT = "edge-run.service"

#: ``running``; ``stopped``: on purpose, or not there; ``broken``: it should run and doesn't.
State = Literal["running", "stopped", "broken"]

#: Seconds for one question, and for a restart: READY may take TimeoutStartSec of the unit.
_PATIENCE, _RESTART = 30.0, 300.0


class Service(Protocol):
    """What an update needs of a service manager."""

    def state(self) -> State:
        """Return how the service is."""

    def restart(self) -> str:
        """Start it anew; return what went wrong until it was ready, empty if nothing did."""

    def watch(self, seconds: float) -> str:
        """Look at it for so long; return what went wrong, empty if nothing did."""


class Nothing:
    """No service: an image that nothing runs of, or a machine without systemd."""

    def state(self) -> State:
        """Return that it is stopped."""
        return "stopped"

    def restart(self) -> str:
        """Do nothing."""
        return ""

    def watch(self, seconds: float) -> str:
        """See nothing."""
        return ""


class Systemd:
    """The service under systemd."""

    def __init__(self, program: str) -> None:
        """Name the program ``systemctl``."""
        self._program = program

    def state(self) -> State:
        """Return how the service is; one that is being started is broken until it runs."""
        known = self._properties()
        if known.get("LoadState") != "loaded":
            return "stopped"
        if known.get("ActiveState") == "active":
            return "running"
        on_purpose = known.get("ActiveState") == "inactive" and known.get("Result") == "success"
        return "stopped" if on_purpose else "broken"

    def restart(self) -> str:
        """Start it anew; systemctl comes back when the service has said READY, or has failed to."""
        done = self._run("restart", UNIT, seconds=_RESTART)
        if done is None:
            return f"it was not ready within {_RESTART:.0f} s"
        if done.returncode == 0:
            return ""
        lines = done.stderr.strip().splitlines()
        return lines[0] if lines else "it did not start"

    def watch(self, seconds: float) -> str:
        """See that one process stays active for so long."""
        end = time.monotonic() + seconds
        patience = end + _RESTART
        first = self._properties()
        while True:
            known = self._properties()
            if int(known.get("NRestarts") or 0) > int(first.get("NRestarts") or 0):
                return "the service had to be started again"
            if self._is_changing(known) and time.monotonic() < patience:
                time.sleep(1.0)
                continue
            if known.get("ActiveState") != "active":
                return f"the service is {known.get('ActiveState', 'unknown')} ({known.get('Result', 'unknown')})"
            if known.get("MainPID") != first.get("MainPID"):
                # systemd counts what it starts again by itself, from zero whenever somebody else does.
                first, end = known, max(end, time.monotonic() + seconds / 2)
            if time.monotonic() >= end:
                return ""
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))

    @staticmethod
    def _is_changing(known: dict[str, str]) -> bool:
        """Say whether somebody is starting it anew just now; systemd itself does so only after a fault."""
        return (
            known.get("ActiveState") in ("activating", "deactivating")
            and known.get("SubState") != "auto-restart"
            and known.get("Result") == "success"
        )

    def _properties(self) -> dict[str, str]:
        names = ("LoadState", "ActiveState", "SubState", "Result", "MainPID", "NRestarts")
        done = self._run("show", UNIT, *(f"--property={name}" for name in names), seconds=_PATIENCE)
        lines = done.stdout.splitlines() if done else []
        return {key: value for key, _, value in (line.partition("=") for line in lines)}

    def _run(self, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str] | None:
        try:
            return subprocess.run(
                [self._program, *arguments], capture_output=True, text=True, timeout=seconds, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None


def service_of(root: Path) -> Service:
    """Return the service of a file tree: none of an image, and none where systemd doesn't run."""
    program = shutil.which("systemctl")
    if root.resolve() != Path("/") or program is None or not Path("/run/systemd/system").is_dir():
        return Nothing()
    return Systemd(program)
