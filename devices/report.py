"""A device in lines for people. Unknown things are called that."""

from __future__ import annotations

from collections.abc import Mapping

from devices.cameras import Camera
from devices.probe import Device

UNKNOWN = "unknown"


def describe(device: Device) -> str:
    """Return one aligned line a fact."""
    cpu = device.cpu
    facts = {
        "model": device.model or UNKNOWN,
        "architecture": device.architecture or UNKNOWN,
        "cpu": cpu.model or UNKNOWN,
        "cores": _number(cpu.cores),
        "features": _features(cpu.features),
        "clock": f"{_number(cpu.max_mhz, ' MHz at most')}, governor {cpu.governor or UNKNOWN}",
        "memory": f"{_number(device.memory_mb, ' MiB')}, {_number(device.memory_available_mb, ' MiB')} available",
        "swap": _number(device.swap_mb, " MiB"),
        "disk": _disk(device),
        "temperature": _pairs({name: f"{value:.1f} °C" for name, value in (device.temperatures_c or {}).items()}),
        "throttling": _list(device.throttling),
        "cameras": _list(None if device.cameras is None else [_camera(camera) for camera in device.cameras]),
        "displays": _list(device.displays),
        "session": device.session,
        "os": device.os or UNKNOWN,
        "kernel": device.kernel or UNKNOWN,
        "built for": f"{_number(device.bits, ' bits')}, kernel {_number(device.kernel_bits, ' bits')}",
        "time": _answer(device.clock_synchronised, "set by the network", "not set by the network"),
        "python": device.python,
        "packages": _pairs(device.packages) if device.packages else "none",
        "engines": _list(device.engines),
        "extras": _list(device.extras),
        "picamera2": _picamera2(device),
        "service": device.service or "no systemd",
        "profile": f"{device.profile.profile}: {device.profile.why}" if device.profile else "none comes near",
    }
    width = max(map(len, facts))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())


def _camera(camera: Camera) -> str:
    remark = "" if camera.usable else ", cannot be opened by this user"
    return f"{camera.node} {camera.name} ({camera.bus}{remark})"


def _disk(device: Device) -> str:
    free = _number(device.disk_free_mb, " MiB free")
    return f"{free}, read-only" if device.read_only else free


def _picamera2(device: Device) -> str:
    if device.picamera2 == "available" or not device.picamera2_in_system:
        return device.picamera2
    return f"{device.picamera2} in this environment, though the system has it"


def _answer(value: bool | None, yes: str, no: str) -> str:
    return UNKNOWN if value is None else yes if value else no


def _number(value: int | None, unit: str = "") -> str:
    return UNKNOWN if value is None else f"{value}{unit}"


def _features(features: Mapping[str, bool] | None) -> str:
    if features is None:
        return UNKNOWN
    return ", ".join(name if there else f"no {name}" for name, there in features.items())


def _pairs(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items()) or UNKNOWN


def _list(items: tuple[str, ...] | list[str] | None) -> str:
    if items is None:
        return UNKNOWN
    return "; ".join(items) or "none"
