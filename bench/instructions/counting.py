"""Counting what a task executes on an emulated processor."""

from __future__ import annotations

import dataclasses
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.instructions.board import CODE, PROGRAM
from bench.instructions.chips import Chip
from bench.instructions.errors import CannotEmulateError
from bench.instructions.machine import arm_machine
from bench.instructions.process import run
from bench.instructions.root import Root

FOLDER = Path(__file__).parent

#: QEMU with plugins: the static build (qemu-user-static) has none.
EMULATOR = "qemu-aarch64"

#: What has to be installed here, by what it is needed for: program and Debian package.
NEEDED = ((EMULATOR, "qemu-user"), ("gcc", "gcc libc6-dev"))

#: Versions of QEMU whose plugins are as ``plugin.c`` declares them; 9 changed two of the functions.
_VERSIONS = range(6, 9)

#: A task that takes longer hangs, seconds.
_LIMIT = 1800

_COUNT = re.compile(r"^count (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
_REGION = re.compile(r"^region (\d+) (.+)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Tally:
    """Instructions of a region; see :class:`bench.result.Counts`."""

    instructions: int
    loads_stores: int
    simd: int
    dot: int

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*(a - b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))


@dataclasses.dataclass(frozen=True)
class Emulation:
    """All that tasks need to be counted on this machine.

    Attributes:
        root: what the emulated board has, see :func:`bench.instructions.board.assemble`.
        plugin: the compiled plugin.
    """

    root: Root
    plugin: Path

    def count(self, chip: Chip, task: Sequence[str]) -> dict[str, list[Tally]]:
        """Run a task and return the counts of its regions by their name, in their order, without what marks cost.

        Args:
            chip: the processor.
            task: arguments of ``counted.py``.

        Raises:
            CannotEmulateError: the task failed.
        """
        emulator = (EMULATOR, "-plugin", str(self.plugin), "-0", f"/usr/bin/python{self.root.python}")
        machine = arm_machine(emulator, self.root, chip, (CODE,))
        # Strings hash the same in every run; else sets and dictionaries lie otherwise in memory, and counts differ by
        # a hundred instructions.
        machine.environment["PYTHONHASHSEED"] = "0"
        try:
            done = machine.run(CODE / PROGRAM.name, *task, timeout=_LIMIT)
        except subprocess.TimeoutExpired as error:
            raise CannotEmulateError(f"{' '.join(task)} on {chip.cpu} did not end in {_LIMIT} seconds") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise CannotEmulateError(f"{' '.join(task)} on {chip.cpu}: {last}")
        return parse(done.stdout, done.stderr)


def check_programs() -> None:
    """Make sure that everything is here that emulating needs.

    Raises:
        CannotEmulateError: something is missing, or another version; the message tells the command that installs it.
    """
    missing = [(program, package) for program, package in NEEDED if shutil.which(program) is None]
    if missing:
        programs, packages = (" ".join(column) for column in zip(*missing, strict=True))
        raise CannotEmulateError(f"{programs.replace(' ', ', ')} missing; on Debian: sudo apt install {packages}")
    told = run(EMULATOR, "--version")
    major = int(match[1]) if (match := re.search(r"version (\d+)\.", told)) else 0
    if major not in _VERSIONS:
        raise CannotEmulateError(
            f"{EMULATOR} {major} has another plugin interface than {_VERSIONS.start} to {_VERSIONS.stop - 1}; "
            "use Debian 12 or Ubuntu 24.04, or a container of them"
        )


def compile_plugin(folder: Path) -> Path:
    """Compile the plugin into a folder and return the file.

    Raises:
        CannotEmulateError: the compiler failed.
    """
    if platform.machine() not in ("x86_64", "aarch64"):
        raise CannotEmulateError(f"not tried on {platform.machine()}; count on x86-64 or aarch64")
    target = folder / "count.so"
    sources = [FOLDER / name for name in ("plugin.c", "instruction.c")]
    run("gcc", "-shared", "-fPIC", "-O2", "-o", target, *sources)
    return target


def parse(regions: str, counts: str) -> dict[str, list[Tally]]:
    """Return counts by the name of their region.

    Args:
        regions: lines ``region NUMBER NAME`` among others; the first is called ``mark``.
        counts: lines ``count NUMBER TOTAL LOADS_STORES SIMD DOT`` among others.

    Raises:
        CannotEmulateError: they do not fit together.
    """
    names = {int(number): name for number, name in _REGION.findall(regions)}
    tallies: Mapping[int, Tally] = {
        int(found[0]): Tally(*(int(number) for number in found[1:])) for found in _COUNT.findall(counts)
    }
    if names.keys() != tallies.keys() or names.get(1) != "mark" or len(names) < 2:
        raise CannotEmulateError(
            f"the program marked {len(names)} regions and the plugin counted {len(tallies)}; is {EMULATOR} another "
            "version than it was made for?"
        )
    found: dict[str, list[Tally]] = {}
    for number, name in sorted(names.items()):
        if number > 1:
            found.setdefault(name, []).append(tallies[number] - tallies[1])
    return found


def mean(tallies: Sequence[Tally]) -> Tally:
    """Return the mean, rounded to whole instructions."""
    columns = zip(*(dataclasses.astuple(tally) for tally in tallies), strict=True)
    return Tally(*(round(sum(column) / len(tallies)) for column in columns))
