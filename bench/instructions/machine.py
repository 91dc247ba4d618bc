"""Running Python on an emulated processor."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.instructions.chips import Chip
from bench.instructions.root import Root


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


def arm_machine(
    emulator: Sequence[str], root: Root, chip: Chip, paths: Sequence[Path] = (), described: Chip | None = None
) -> Machine:
    """Return an emulated Arm processor.

    Args:
        emulator: program and options of QEMU for aarch64.
        root: what is installed there.
        chip: the processor.
        paths: folders with more Python packages.
        described: what Linux says the processor is, where that is not the truth.
    """
    told = described or chip
    command = (*emulator, "-L", str(root.system(told)), "-cpu", chip.cpu, str(root.interpreter(told)))
    return Machine(chip.cpu, command, bare_environment([*paths, root.packages]))


def bare_environment(paths: Sequence[Path]) -> dict[str, str]:
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
