"""What a figure was measured on. A latency without it is a rumour."""

from __future__ import annotations

import os

import msgspec

from devices.cpu import Cpu
from devices.probe import ask_throttling, probe, read_temperatures


class Environment(msgspec.Struct, frozen=True):
    """The machine and the software; None means unknown. See :class:`devices.probe.Device`."""

    device: str | None
    architecture: str | None
    cpu: Cpu
    memory_mb: int | None
    os: str | None
    kernel: str | None
    python: str
    packages: dict[str, str]


class State(msgspec.Struct, frozen=True):
    """What changes while one measures.

    Attributes:
        load: processes that wanted to run over the last minute, on average.
        temperatures_c: degrees Celsius by sensor.
        throttling: see :func:`devices.probe.ask_throttling`.
    """

    load: float | None
    temperatures_c: dict[str, float] | None
    throttling: tuple[str, ...] | None


def read_environment() -> Environment:
    """Describe this machine."""
    found = probe()
    return Environment(
        device=found.model,
        architecture=found.architecture,
        cpu=found.cpu,
        memory_mb=found.memory_mb,
        os=found.os,
        kernel=found.kernel,
        python=found.python,
        packages=found.packages,
    )


def read_state() -> State:
    """Describe how busy and how hot this machine is now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return State(load=load, temperatures_c=read_temperatures(), throttling=ask_throttling())


def remarks(environment: Environment, before: State, after: State) -> list[str]:
    """Say what makes the figures doubtful, one sentence each; empty when nothing is known to."""
    found = []
    if before.load is not None and before.load > 0.5:
        cores = environment.cpu.cores or "an unknown number of"
        found.append(f"the machine was busy (load {before.load:.1f} on {cores} cores): latencies are too high")
    governor = environment.cpu.governor
    if governor not in (None, "performance"):
        found.append(f"the clock governor was {governor}, not performance: the clock may have varied")
    for words in after.throttling or ():
        if words.endswith("now") or words not in (before.throttling or ()):
            found.append(f"the firmware reports: {words}")
    return found
