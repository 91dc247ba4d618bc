"""What is known about a machine before anything is installed on it or measured on it. Nothing is guessed.

Hardware and operating system are read from the files the kernel offers; engines are looked up in the running Python.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import struct
from pathlib import Path

import msgspec

from devices.cameras import Camera, read_cameras
from devices.clock import has_battery_clock, read_synchronised
from devices.cpu import Cpu, read_cpu
from devices.matching import Match, nearest
from devices.profile import load_all
from devices.storage import read_free, read_only
from devices.system import read_bits, read_chassis, read_kernel_bits, read_memory_control, read_service
from devices.throttling import ask_throttling as ask_throttling
from devices.throttling import parse_throttling as parse_throttling
from devices.throttling import read_throttling

#: Distributions that matter to the runtime; several names may own one module.
PACKAGES = (
    "emot-edge",
    "numpy",
    "opencv-contrib-python",
    "opencv-python",
    "opencv-python-headless",
    "ai-edge-litert",
    "tflite-runtime",
    "onnxruntime",
    "onnxruntime-gpu",
    "torch",
    "mediapipe",
    "picamera2",
    "aiohttp",
    "paho-mqtt",
    "prometheus-client",
)

#: What each engine and extra of the runtime is known by: one of these modules. Nothing is imported to find out.
ENGINES = {"litert": ("ai_edge_litert", "tflite_runtime"), "onnx": ("onnxruntime",), "torch": ("torch",)}
EXTRAS = {
    "onnx": "onnxruntime",
    "mediapipe": "mediapipe",
    "web": "aiohttp",
    "mqtt": "paho",
    "prometheus": "prometheus_client",
    "bench": "psutil",
}

#: What makers leave in a board's identity when they fill nothing in.
PLACEHOLDERS = (
    "to be filled by o.e.m.",
    "default string",
    "system product name",
    "system manufacturer",
    "not specified",
)


class Device(msgspec.Struct, frozen=True):
    """A machine; None means unknown.

    Attributes:
        model: what the maker calls the board or computer.
        architecture: the kernel's, for example ``aarch64``.
        cpu: the processor.
        memory_mb: memory the kernel manages, MiB.
        memory_available_mb: of that, free for programs now.
        temperatures_c: degrees Celsius by sensor.
        throttling: what a Raspberry Pi's firmware reports, empty when all is well; None where nothing tells.
        cameras: cameras the kernel knows.
        displays: connectors with a screen on them.
        session: ``wayland`` or ``x11`` when this process could open a window, else ``none``.
        os: operating system.
        kernel: version of the kernel.
        python: version and word size of the running Python; wheels are chosen by it, not by the kernel.
        packages: installed versions of :data:`PACKAGES`.
        picamera2: ``available``, ``not installed``, or ``no libcamera`` (its other half, which only apt brings).
        picamera2_in_system: whether apt's picamera2 is there, visible from this Python or not.
        engines: runtimes of :data:`ENGINES` that this Python finds.
        extras: extras of :data:`EXTRAS` that this Python finds.
        swap_mb: swap space, MiB.
        disk_free_mb: room where the service writes, MiB.
        read_only: whether the root file system can't be written.
        clock_synchronised: whether network time has set the clock.
        battery_clock: whether there is a clock that goes on without power.
        bits: 32 or 64, of the system's programs.
        kernel_bits: 32 or 64, of the kernel.
        memory_control: whether the kernel can limit the memory of a service.
        chassis: SMBIOS type of the case.
        service: whether ``edge-run.service`` is there; None without systemd.
        profile: the nearest one.
    """

    model: str | None
    architecture: str | None
    cpu: Cpu
    memory_mb: int | None
    memory_available_mb: int | None
    temperatures_c: dict[str, float] | None
    throttling: tuple[str, ...] | None
    cameras: tuple[Camera, ...] | None
    displays: tuple[str, ...] | None
    session: str
    os: str | None
    kernel: str | None
    python: str
    packages: dict[str, str]
    picamera2: str
    picamera2_in_system: bool = False
    engines: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    swap_mb: int | None = None
    disk_free_mb: int | None = None
    read_only: bool | None = None
    clock_synchronised: bool | None = None
    battery_clock: bool | None = None
    bits: int | None = None
    kernel_bits: int | None = None
    memory_control: bool | None = None
    chassis: int | None = None
    service: str | None = None
    profile: Match | None = None


def probe(root: Path = Path("/")) -> Device:
    """Describe this machine, or the one whose file tree ``root`` is.

    Python, its packages and the window session are always those of the running process. The architecture of a foreign
    tree is unknown, and neither its firmware nor its kernel can be asked, only read.
    """
    here = root.resolve() == Path("/")
    memory = _memory(root)
    model, cpu, chassis = read_model(root), read_cpu(root), read_chassis(root)
    architecture = platform.machine() or None if here else None
    kernel = _text(root / "proc/sys/kernel/osrelease")
    return Device(
        model=model,
        architecture=architecture,
        cpu=cpu,
        memory_mb=memory.get("MemTotal"),
        memory_available_mb=memory.get("MemAvailable"),
        temperatures_c=read_temperatures(root),
        throttling=read_throttling(root),
        cameras=read_cameras(root),
        displays=_displays(root),
        session="wayland" if os.environ.get("WAYLAND_DISPLAY") else "x11" if os.environ.get("DISPLAY") else "none",
        os=_operating_system(root),
        kernel=kernel,
        python=f"{platform.python_version()} ({8 * struct.calcsize('P')}-bit)",
        packages=_packages(),
        picamera2=_picamera2(),
        picamera2_in_system=(root / "usr/lib/python3/dist-packages/picamera2").is_dir(),
        engines=tuple(name for name, modules in ENGINES.items() if any(map(_found, modules))),
        extras=tuple(name for name, module in EXTRAS.items() if _found(module)),
        swap_mb=memory.get("SwapTotal"),
        disk_free_mb=read_free(root),
        read_only=read_only(root),
        clock_synchronised=read_synchronised(root),
        battery_clock=has_battery_clock(root),
        bits=read_bits(root),
        kernel_bits=read_kernel_bits(kernel, root),
        memory_control=read_memory_control(root),
        chassis=chassis,
        service=read_service(root),
        profile=nearest(load_all(), model=model, architecture=architecture or cpu.architecture, chassis=chassis),
    )


def read_model(root: Path = Path("/")) -> str | None:
    """Return the board's name: from the device tree (Raspberry Pi and its like), else from DMI (PCs)."""
    for place in ("proc/device-tree/model", "sys/firmware/devicetree/base/model"):
        if name := _text(root / place):
            return name
    fields = [_text(root / "sys/class/dmi/id" / field) for field in ("sys_vendor", "product_name")]
    return " ".join(field for field in fields if field and field.lower() not in PLACEHOLDERS) or None


def read_temperatures(root: Path = Path("/")) -> dict[str, float] | None:
    """Return degrees Celsius by sensor name; None where no sensor can be read."""
    found: dict[str, float] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        value = _text(zone / "temp")  # in thousandths; some zones refuse to be read while their device sleeps
        if value and value.removeprefix("-").isdigit():
            name = _text(zone / "type") or zone.name
            found[f"{name} ({zone.name})" if name in found else name] = int(value) / 1000
    return found or None


def _memory(root: Path) -> dict[str, int]:
    """Return ``/proc/meminfo`` in MiB."""
    found = {}
    for line in (_text(root / "proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if number.isdigit() and unit == "kB":
            found[name] = int(number) // 1024
    return found


def _displays(root: Path) -> tuple[str, ...] | None:
    connectors = {path.parent.name: _text(path) for path in sorted((root / "sys/class/drm").glob("card*-*/status"))}
    if not connectors:
        return None  # no driver that could tell; a frame buffer may still be there
    return tuple(name.partition("-")[2] for name, status in connectors.items() if status == "connected")


def _operating_system(root: Path) -> str | None:
    fields = {}
    for line in (_text(root / "etc/os-release") or "").splitlines():
        key, _, value = line.partition("=")
        fields[key.strip()] = value.strip().strip("\"'")
    name = fields.get("PRETTY_NAME") or fields.get("NAME")
    # Raspberry Pi OS calls itself Debian there; the first line of this file is what tells the two apart.
    image = (_text(root / "etc/rpi-issue") or "").partition("\n")[0]
    return f"{name} ({image})" if name and image else name


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _picamera2() -> str:
    if not _found("picamera2"):
        return "not installed"
    return "available" if _found("libcamera") else "no libcamera"


def _found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _text(path: Path) -> str | None:
    """Return what a small kernel file says, without the NUL that ends device-tree strings; None if it says nothing."""
    try:
        return path.read_text(errors="replace").replace("\0", "").strip() or None
    except OSError:
        return None
