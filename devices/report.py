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
        "temperature": _pairs({name: f"{value:.1f} °C" for name, value in (device.temperatures_c or {}).items()}),
        "throttling": _list(device.throttling),
        "cameras": _list(None if device.cameras is None else [_camera(camera) for camera in device.cameras]),
        "displays": _list(device.displays),
        "session": device.session,
        "os": device.os or UNKNOWN,
        "kernel": device.kernel or UNKNOWN,
        "python": device.python,
        "packages": _pairs(device.packages) if device.packages else "none",
        "picamera2": device.picamera2,
    }
    width = max(map(len, facts))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())


def _camera(camera: Camera) -> str:
    remark = "" if camera.usable else ", cannot be opened by this user"
    return f"{camera.node} {camera.name} ({camera.bus}{remark})"


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
