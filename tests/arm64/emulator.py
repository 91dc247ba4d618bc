"""Running a program of another processor under QEMU's user-mode emulation."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.arm64.chips import WITHOUT_VNNI, Chip
from tests.arm64.root import CannotBuildError, Root

PACKAGE = "qemu-user-static"


@dataclasses.dataclass(frozen=True)
class Machine:
    """A processor that programs can be run on, and the Python there.

    Attributes:
        name: for messages.
        command: what comes before the arguments of Python.
        environment: all variables there are.
    """

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]

    def run(self, *arguments: str | Path, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run Python there and wait for its end, whatever that is."""
        command = [*self.command, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=timeout)


def install_qemu() -> None:
    """Install the emulators where they are missing and this user may.

    Raises:
        CannotBuildError: they are missing still.
    """
    if shutil.which(_emulator("aarch64")) and shutil.which(_emulator("x86_64")):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "-y", "--no-install-recommends", PACKAGE]):
            subprocess.run(["apt-get", "-qq", *step], capture_output=True, env=environment, check=False)
    if not (shutil.which(_emulator("aarch64")) and shutil.which(_emulator("x86_64"))):
        raise CannotBuildError(f"QEMU's user-mode emulation is missing; on Debian: apt-get install {PACKAGE}")


def this_machine(paths: Sequence[Path] = ()) -> Machine:
    """The processor this runs on."""
    return Machine(platform.machine(), (sys.executable,), _environment(paths))


def arm_machine(root: Root, chip: Chip, paths: Sequence[Path] = (), described: Chip | None = None) -> Machine:
    """An emulated Arm processor.

    Args:
        root: what is installed there.
        chip: the processor.
        paths: folders with more Python packages.
        described: what Linux says the processor is, where that is not the truth.
    """
    told = described or chip
    emulator = (_emulator("aarch64"), "-L", str(root.system(told)), "-cpu", chip.cpu)
    return Machine(chip.cpu, (*emulator, str(root.interpreter(told))), _environment([*paths, root.packages]))


def machine_without_vnni(paths: Sequence[Path] = ()) -> Machine:
    """An emulated x86-64 processor with AVX2 at best, on this machine's own files."""
    return Machine(WITHOUT_VNNI, (_emulator("x86_64"), "-cpu", WITHOUT_VNNI, sys.executable), _environment(paths))


def _emulator(architecture: str) -> str:
    return f"qemu-{architecture}-static"


def _environment(paths: Sequence[Path]) -> dict[str, str]:
    """Nothing of this machine's, which means nothing to the other; one thread, since emulated ones only wait."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
