"""What a process holds, as the kernel tells it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Sample:
    """One look.

    Attributes:
        second: since the watch began.
        memory_kb: anonymous memory in RAM, what a leak would make grow.
        resident_kb: all memory in RAM, mapped files included.
        threads: of the process.
        files: open descriptors that are no sockets.
        sockets: open sockets.
        cpu: seconds of processor time so far.
    """

    second: float
    memory_kb: int
    resident_kb: int
    threads: int
    files: int
    sockets: int
    cpu: float


def sample(pid: int, second: float) -> Sample:
    """Look at a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    targets = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            targets.append(str(descriptor.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    sockets = sum(target.startswith("socket:") for target in targets)
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Sample(
        second,
        int(status["RssAnon"].split()[0]),
        int(status["VmRSS"].split()[0]),
        int(status["Threads"]),
        len(targets) - sockets,
        sockets,
        (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"),
    )
