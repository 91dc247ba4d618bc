"""How busy and how hot a machine is: what changes while one measures."""

from __future__ import annotations

import os
import time

import msgspec

from bench.clock import read_clock
from devices.probe import ask_throttling, read_temperatures

#: Cores that a process must keep busy to be named as background.
BUSY = 0.03


class Busy(msgspec.Struct, frozen=True):
    """Another process that computes.

    Attributes:
        name: of its program.
        cores: that it keeps busy; 1.0 is one of them all the time.
    """

    name: str
    cores: float


class State(msgspec.Struct, frozen=True):
    """What changes while one measures.

    Attributes:
        load: processes that wanted to run over the last minute, on average.
        temperatures_c: degrees Celsius by sensor.
        throttling: see :func:`devices.probe.ask_throttling`.
        clock_mhz: mean clock of the processors that may be measured on.
        background: other processes that compute, the busiest first; None where psutil is not installed.
        others_s: seconds that processors have spent on anything but this measurement since the system started.
        stolen_s: seconds that the hypervisor gave to others since then, of all processors together.
        uptime_s: on the same clock.
    """

    load: float | None
    temperatures_c: dict[str, float] | None
    throttling: tuple[str, ...] | None
    clock_mhz: float | None = None
    background: tuple[Busy, ...] | None = None
    others_s: float | None = None
    stolen_s: float | None = None
    uptime_s: float | None = None


def read_state(look: float = 0.5) -> State:
    """Describe how busy and how hot this machine is now.

    Args:
        look: seconds that other processes are watched for.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    background = _background(look)
    others, stolen = _spent()
    return State(
        load=load,
        temperatures_c=read_temperatures(),
        throttling=ask_throttling(),
        clock_mhz=read_clock(),
        background=background,
        others_s=others,
        stolen_s=stolen,
        uptime_s=time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else None,
    )


def used_by_others(before: State, after: State) -> float | None:
    """Return how many cores' worth of time went to other processes between two states; None where that is unknown."""
    if None in (before.others_s, after.others_s, before.uptime_s, after.uptime_s):
        return None
    seconds = (after.uptime_s or 0) - (before.uptime_s or 0)
    # Ticks of 10 ms are rounded on both sides, so that a second says nothing yet.
    return max(0.0, ((after.others_s or 0) - (before.others_s or 0)) / seconds) if seconds > 1 else None


def stolen_share(before: State, after: State, cores: int | None) -> float | None:
    """Return the share of all processors' time that a hypervisor gave to others between two states."""
    if before.stolen_s is None or after.stolen_s is None or before.uptime_s is None or after.uptime_s is None:
        return None
    seconds = (after.uptime_s - before.uptime_s) * (cores or 1)
    return (after.stolen_s - before.stolen_s) / seconds if seconds > 1 else None


def _background(seconds: float) -> tuple[Busy, ...] | None:
    """Watch other processes for some time; those that this one started are no others."""
    try:
        import psutil
    except ModuleNotFoundError:
        return None
    own = psutil.Process()
    ours = {own.pid, *(child.pid for child in own.children(recursive=True))}

    def spent() -> dict[int, tuple[str, float]]:
        found = {}
        for process in psutil.process_iter(["pid", "name", "cpu_times"]):
            times = process.info["cpu_times"]
            if times is not None and process.info["pid"] not in ours:
                found[process.info["pid"]] = (process.info["name"], times.user + times.system)
        return found

    start, first = time.perf_counter(), spent()
    time.sleep(seconds)
    second, took = spent(), time.perf_counter() - start
    cores: dict[str, float] = {}
    for pid, (name, now) in second.items():
        # A process that began meanwhile has spent all of its time meanwhile.
        cores[name] = cores.get(name, 0.0) + (now - first.get(pid, (name, 0.0))[1]) / took
    busy = [Busy(name, round(share, 2)) for name, share in cores.items() if share >= BUSY]
    return tuple(sorted(busy, key=lambda one: -one.cores))


def _spent() -> tuple[float | None, float | None]:
    """Seconds of processor time since the system started: of others than this process and its children, and stolen."""
    try:
        import psutil
    except ModuleNotFoundError:
        return None, None
    system, own = psutil.cpu_times(), os.times()
    idle = system.idle + getattr(system, "iowait", 0.0)
    stolen = getattr(system, "steal", None)
    # Guests' time is within user's already (proc(5)).
    uncounted = (stolen or 0.0) + getattr(system, "guest", 0.0) + getattr(system, "guest_nice", 0.0)
    ours = own.user + own.system + own.children_user + own.children_system
    return sum(system) - idle - uncounted - ours, stolen
