"""A Debian that boots in a container: systemd as its first process, no network, a disk that outlives a power cut."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: Seconds that anything inside may take; nothing is asserted about how long it does.
PATIENCE = 120.0

#: Before each program inside: its folder, and nothing of this machine's environment.
_CLEAN = (
    *("env", "--ignore-environment", "--chdir=/", "HOME=/root", "LANG=C.UTF-8"),
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)


class Container:
    """One machine, switched off to begin with.

    Its disk is an overlay: what is written goes to a folder of its own, above layers that stay as they are.
    """

    def __init__(self, folder: Path, layers: Sequence[Path]) -> None:
        """Put the disk together.

        Args:
            folder: for the disk and the console's output; on a file system that can be an overlay's upper layer.
            layers: file trees, the uppermost first.
        """
        self.root = folder / "root"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        for name in ("root", "upper", "work"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        below = ":".join(map(str, layers))
        options = f"lowerdir={below},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)

    @property
    def upper(self) -> Path:
        """What was written, as a layer for further containers."""
        return self._folder / "upper"

    @property
    def console(self) -> str:
        """What it printed while booting."""
        return (self._folder / "console").read_text(errors="replace")

    def start(self) -> None:
        """Switch it on and wait until systemd has done what it does at boot."""
        assert self._process is None, "it is on"
        with (self._folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                [
                    *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network"),
                    *("--directory", self.root, "--machine", "emot-edge-test", "--console=pipe"),
                    # What a container is not asked to do: it has no hardware of its own.
                    "systemd.mask=systemd-udevd.service",
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._leader = wait_for(self._find_leader, "its first process")
        wait_for(
            lambda: self._booted() in ("running", "degraded"), "systemd to be up", tell=lambda: self.console[-3000:]
        )

    def run(
        self, *command: str | Path, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside as root, and return it finished."""
        done = subprocess.run(
            ["nsenter", f"--target={self._leader}", "--all", *_CLEAN, *map(str, command)],
            capture_output=True,
            text=True,
            errors="replace",
            input=stdin,
            timeout=600,
        )
        if check and done.returncode:
            raise AssertionError(f"{command} exits {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def begin(self, *command: str | Path) -> subprocess.Popen[str]:
        """Run a program inside and don't wait for it."""
        return subprocess.Popen(
            ["nsenter", f"--target={self._leader}", "--all", *_CLEAN, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def copy(self, source: Path, target: str) -> None:
        """Copy a file or a folder into it, on or off."""
        place = self.root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, place)

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", f"--property={name}", "--value", unit).stdout.strip()

    def stop(self) -> None:
        """Shut it down in order."""
        if self._process is None:
            return
        os.kill(self._leader, signal.SIGRTMIN + 4)  # systemd(1): poweroff
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.power_cut()
        self._process = None

    def power_cut(self) -> None:
        """Take its power away: every process is gone at once.

        Unlike a real one it leaves what was written and not flushed yet.
        """
        assert self._process is not None, "it is off"
        # With its first process go all others; and the program around it has nothing left to do.
        os.kill(self._leader, signal.SIGKILL)
        self._process.kill()
        self._process.wait(PATIENCE)
        wait_for(lambda: not Path(f"/proc/{self._leader}").exists(), "the end of its processes")
        self._process = None

    def scrap(self) -> None:
        """Switch it off and take the disk apart."""
        self.stop()
        subprocess.run(["umount", "--lazy", self.root], check=False)

    def _booted(self) -> str:
        return self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def _find_leader(self) -> int:
        """Return the process that is number 1 inside."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the container ended:\n{self.console[-3000:]}")
        for child in _descendants(self._process.pid):
            try:
                lines = Path(f"/proc/{child}/status").read_text().splitlines()
            except OSError:
                continue
            numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
            if len(numbers) > 1 and numbers[-1] == "1" and (Path(f"/proc/{child}/exe").resolve().name == "systemd"):
                return child
        return 0


def wait_for(
    look: Callable[[], T], what: str, *, tell: Callable[[], str] = lambda: "", patience: float = PATIENCE
) -> T:
    """Look again and again until there is something to see, and return it."""
    end = time.monotonic() + patience
    while not (seen := look()):
        assert time.monotonic() < end, f"waited {patience:.0f} s for {what}: {tell()}"
        time.sleep(0.2)
    return seen


def _descendants(process: int) -> list[int]:
    found = []
    for child in _children(process):
        found += [child, *_descendants(child)]
    return found


def _children(process: int) -> list[int]:
    try:
        return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []
