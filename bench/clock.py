"""How fast the processor's clock runs at this moment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def read_clock(root: Path = Path("/"), cores: Iterable[int] | None = None) -> float | None:
    """Return the mean clock of some cores, MHz; None where the system does not tell.

    Args:
        root: of the file tree that is looked at.
        cores: numbers of the cores; None: those that this process may run on.
    """
    if cores is None:
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    wanted = sorted(cores)
    found = []
    for core in wanted:
        # In kHz: Documentation/admin-guide/pm/cpufreq.rst. A core that is switched off has the file and no value.
        with contextlib.suppress(OSError, ValueError):
            path = root / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq"
            found.append(int(path.read_text()) / 1000)
    if not found:
        told = _from_cpuinfo(root)
        found = [told[core] for core in wanted if core in told]
    return sum(found) / len(found) if found else None


def _from_cpuinfo(root: Path) -> dict[int, float]:
    """Return MHz by processor as x86 kernels tell it; on virtual machines it is the nominal clock."""
    found: dict[int, float] = {}
    core: int | None = None
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/cpuinfo").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "processor":
                core = int(value)
            elif name.strip() == "cpu MHz" and core is not None:
                found[core] = float(value)
    return found
