"""Installs into copies of a device, each time killed one change later, and sees whether the next run mends it.

A program of its own, since it forks. Arguments: a folder for the copies, the folder of wheels, and which changes to be
killed at: each (1), every second (2), ... Prints a line for each problem, and how many runs were killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devices.install.installing import install
from devices.install.removing import remove
from devices.layout import Layout
from edge.errors import EdgeError
from tests.devices.installation import device, tree

#: What changes a file system, or starts a program that does (PEP 578).
CHANGES = frozenset(
    ["os.mkdir", "os.rename", "os.symlink", "os.chmod", "os.chown", "os.remove", "os.rmdir", "subprocess.Popen"]
)

#: Of the runs that are killed before the software is there, every so-manieth is repeated, which costs a second.
REPEATED = 8


def main() -> None:
    """See the module."""
    folder, wheels, stride = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    fresh = device(folder / "fresh")
    before = tree(fresh)
    complete = copy(fresh, folder / "complete")
    make(complete, wheels)
    wanted = contents(complete)
    problems: list[str] = []
    halfway = folder / "halfway"
    count = 0

    def mended(root: Path, what: str) -> None:
        make(root, wheels)
        if contents(root) != wanted:
            problems.append(f"{what}: another run does not complete it: {difference(contents(root), wanted)}")

    def removed(root: Path, what: str) -> None:
        try:
            remove(Layout(root), silent, purge=True)
        except EdgeError as error:  # it had not begun
            if tree(root) != before:
                problems.append(f"{what}: {error}")
        if tree(root) != before:
            problems.append(f"{what}: not removed without a trace: {difference(tree(root), before)}")

    # From nothing to the software.
    for number in range(1, 1000, stride):
        root = copy(fresh, folder / "root")
        assert killed(number, lambda root=root: make(root, wheels)), "it ended before it could be killed"
        count += 1
        if any(root.glob("opt/emot-edge/software/*/.complete")):
            root.rename(halfway)
            break
        if count % REPEATED == 0:
            mended(root, f"killed at change {number}")
        removed(root, f"killed at change {number}")
    # From there to the end.
    for number in range(1, 1000, stride):
        root = copy(halfway, folder / "root")
        if not killed(number, lambda root=root: make(root, wheels)):
            break
        count += 1
        mended(root, f"killed at change {number} after the software")
        removed(root, f"killed at change {number} after the software")
    # And all the way back.
    for number in range(1, 1000, stride):
        root = copy(complete, folder / "root")
        if not killed(number, lambda root=root: remove(Layout(root), silent, purge=True)):
            break
        count += 1
        removed(root, f"removal killed at change {number}")
    print(*problems, f"{count} killed", sep="\n")


def make(root: Path, wheels: Path) -> None:
    """Install."""
    asked = {"profile": "raspberry-pi-5", "camera": None, "source": None, "extras": "web"}
    install(root, wheels=wheels, asked=asked, start=False, dry_run=False, say=silent)


def contents(root: Path) -> dict[str, str]:
    """Return what is there, but for the history of each file in the list."""
    found = tree(root)
    found["var/lib/edge-update/installed.json"] = ""
    return found


def killed(number: int, run: Callable[[], object]) -> bool:
    """Run something in a process that dies just before its so-manieth change; False: it ended first."""
    child = os.fork()
    if child == 0:
        _die_at(number)
        run()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        return False
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True


def copy(root: Path, to: Path) -> Path:
    """Make a copy of a device in place of what is there."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(root, to, symlinks=True)
    return to


def difference(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Name what differs."""
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def silent(line: str) -> None:
    """Say nothing."""


def _die_at(number: int) -> None:
    left = number

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in CHANGES:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


if __name__ == "__main__":
    main()
