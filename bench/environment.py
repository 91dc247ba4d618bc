"""What a figure was measured on. A latency without it is a rumour."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.affinity import affinity
from bench.state import State as State
from bench.state import read_state as read_state
from bench.state import stolen_share, used_by_others
from devices.cpu import Cpu
from devices.probe import probe

#: Distributions that matter to measurements beside those of :data:`devices.probe.PACKAGES`.
PACKAGES = ("tensorflow", "keras", "torchvision", "psutil", "msgspec")

#: Variables that change what runtimes do; only these are recorded.
VARIABLES = re.compile(
    r"(OMP|KMP|GOMP|MKL|OPENBLAS|XNNPACK|ORT|TORCH|PYTORCH|MALLOC)_\w+"
    r"|TF_(NUM|ENABLE|XLA|DISABLE|FORCE)_\w+|LD_PRELOAD|KERAS_BACKEND"
)

#: Cores' worth of other people's work, on average over the run, that makes figures doubtful.
DISTURBING = 0.1

#: Share of the time that a hypervisor may give to others before it is worth a word.
STOLEN = 0.005


class Environment(msgspec.Struct, frozen=True):
    """The machine and the software; None means unknown. See :class:`devices.probe.Device`.

    Attributes:
        flags: all that the processor says it can do, sorted.
        virtual: whether a hypervisor runs this system.
        affinity: processors that the measurement may run on.
        variables: of the process's environment, those that change what runtimes do.
    """

    device: str | None
    architecture: str | None
    cpu: Cpu
    memory_mb: int | None
    os: str | None
    kernel: str | None
    python: str
    packages: dict[str, str]
    flags: tuple[str, ...] | None = None
    virtual: bool | None = None
    affinity: tuple[int, ...] | None = None
    variables: dict[str, str] = {}


def read_environment() -> Environment:
    """Describe this machine."""
    found = probe()
    flags = _flags()
    return Environment(
        device=found.model,
        architecture=found.architecture,
        cpu=found.cpu,
        memory_mb=found.memory_mb,
        os=found.os,
        kernel=found.kernel,
        python=found.python,
        packages=found.packages | _packages(),
        flags=flags,
        virtual="hypervisor" in flags if flags and found.architecture == "x86_64" else None,
        affinity=affinity(),
        variables={name: value for name, value in sorted(os.environ.items()) if VARIABLES.fullmatch(name)},
    )


def remarks(environment: Environment, before: State, after: State) -> list[str]:
    """Say what makes the figures doubtful, one sentence each; empty when nothing is known to."""
    found = []
    cores = environment.cpu.cores or "an unknown number of"
    disturbed = used_by_others(before, after)
    if disturbed is not None:
        if disturbed > DISTURBING:
            busy = {one.name: one.cores for state in (before, after) for one in state.background or ()}
            names = ", ".join(sorted(busy, key=lambda name: -busy[name])[:3])
            found.append(
                f"other work kept {disturbed:.1f} of {cores} cores busy during the run"
                f"{f' ({names})' if names else ''}: latencies are too high"
            )
    elif before.load is not None and before.load > 0.5:
        found.append(f"the machine was busy (load {before.load:.1f} on {cores} cores): latencies are too high")
    share = stolen_share(before, after, environment.cpu.cores)
    if share is not None and share > STOLEN:
        found.append(f"the hypervisor gave {100 * share:.1f} % of the processors' time to others")
    if environment.virtual:
        found.append("a virtual machine: what its neighbours do is not seen, and differs between runs")
    governor = environment.cpu.governor
    if governor not in (None, "performance"):
        found.append(f"the clock governor was {governor}, not performance: the clock may have varied")
    for words in after.throttling or ():
        if words.endswith("now") or words not in (before.throttling or ()):
            found.append(f"the firmware reports: {words}")
    return found


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _flags() -> tuple[str, ...] | None:
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return None
    match = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.M)
    return tuple(sorted(match[1].split())) if match else None


def differences(one: Environment, other: Environment) -> list[str]:
    """Say what differs between two environments, one line each; empty when nothing does that is known to matter."""
    found = []
    for name in ("device", "architecture", "memory_mb", "os", "kernel", "python", "affinity"):
        a, b = getattr(one, name), getattr(other, name)
        if a != b:
            found.append(f"{name}: {_told(a)} and {_told(b)}")
    for name in ("model", "cores", "governor", "max_mhz"):
        a, b = getattr(one.cpu, name), getattr(other.cpu, name)
        if a != b:
            found.append(f"processor's {name}: {_told(a)} and {_told(b)}")
    if one.flags is not None and other.flags is not None and one.flags != other.flags:
        lost, gained = sorted({*one.flags} - {*other.flags}), sorted({*other.flags} - {*one.flags})
        found.append(f"processor's flags: only the first has {_some(lost)}; only the second has {_some(gained)}")
    for title, a, b in (("", one.packages, other.packages), ("variable ", one.variables, other.variables)):
        for name in sorted({*a, *b}):
            if a.get(name) != b.get(name):
                found.append(f"{title}{name}: {_told(a.get(name))} and {_told(b.get(name))}")
    return found


def _told(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def _some(names: list[str]) -> str:
    return "none" if not names else " ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
