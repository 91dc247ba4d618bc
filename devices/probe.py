"""What is known about a machine before anything is installed on it or measured on it. Nothing is guessed.

Hardware and operating system are read from the files the kernel offers; engines are looked up in the running Python.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import struct
import subprocess
from pathlib import Path

import msgspec

from devices.cameras import Camera, read_cameras
from devices.cpu import Cpu, read_cpu

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
)

#: What makers leave in a board's identity when they fill nothing in.
PLACEHOLDERS = (
    "to be filled by o.e.m.",
    "default string",
    "system product name",
    "system manufacturer",
    "not specified",
)

#: Bits of ``vcgencmd get_throttled`` (Raspberry Pi documentation, "vcgencmd").
THROTTLED_BITS = {
    0: "under-voltage now",
    1: "clock capped now",
    2: "throttled now",
    3: "soft temperature limit now",
    16: "under-voltage since boot",
    17: "clock capped since boot",
    18: "throttled since boot",
    19: "soft temperature limit since boot",
}


class Device(msgspec.Struct, frozen=True):
    """A machine; None means unknown.

    Attributes:
        model: what the maker calls the board or computer.
        architecture: the kernel's, for example ``aarch64``.
        cpu: the processor.
        memory_mb: memory the kernel manages, MiB.
        memory_available_mb: of that, free for programs now.
        temperatures_c: degrees Celsius by sensor.
        throttling: what a Raspberry Pi's firmware reports, empty when all is well; None where there is no ``vcgencmd``.
        cameras: cameras the kernel knows.
        displays: connectors with a screen on them.
        session: ``wayland`` or ``x11`` when this process could open a window, else ``none``.
        os: operating system.
        kernel: version of the kernel.
        python: version and word size of the running Python; wheels are chosen by it, not by the kernel.
        packages: installed versions of :data:`PACKAGES`.
        picamera2: ``available``, ``not installed``, or ``no libcamera`` (its other half, which only apt brings).
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


def probe(root: Path = Path("/")) -> Device:
    """Describe this machine, or the one whose file tree ``root`` is.

    Python, its packages and the window session are always those of the running process. The architecture of a foreign
    tree is unknown, and its firmware cannot be asked.
    """
    here = root.resolve() == Path("/")
    memory = _memory(root)
    return Device(
        model=read_model(root),
        architecture=platform.machine() or None if here else None,
        cpu=read_cpu(root),
        memory_mb=memory.get("MemTotal"),
        memory_available_mb=memory.get("MemAvailable"),
        temperatures_c=read_temperatures(root),
        throttling=ask_throttling() if here else None,
        cameras=read_cameras(root),
        displays=_displays(root),
        session="wayland" if os.environ.get("WAYLAND_DISPLAY") else "x11" if os.environ.get("DISPLAY") else "none",
        os=_operating_system(root),
        kernel=_text(root / "proc/sys/kernel/osrelease"),
        python=f"{platform.python_version()} ({8 * struct.calcsize('P')}-bit)",
        packages=_packages(),
        picamera2=_picamera2(),
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


def ask_throttling() -> tuple[str, ...] | None:
    """Ask a Raspberry Pi's firmware whether power or heat slowed it down; None where it cannot be asked."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        answer = subprocess.run([program, "get_throttled"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_throttling(answer.stdout)


def parse_throttling(answer: str) -> tuple[str, ...] | None:
    """Turn ``throttled=0x50005`` into words; None when the answer is another one (an error message, say)."""
    name, _, value = answer.strip().partition("=")
    with contextlib.suppress(ValueError):
        if name == "throttled":
            bits = int(value, 16)
            return tuple(words for bit, words in THROTTLED_BITS.items() if bits >> bit & 1)
    return None


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
    if importlib.util.find_spec("picamera2") is None:
        return "not installed"
    return "available" if importlib.util.find_spec("libcamera") else "no libcamera"


def _text(path: Path) -> str | None:
    """Return what a small kernel file says, without the NUL that ends device-tree strings; None if it says nothing."""
    try:
        return path.read_text(errors="replace").replace("\0", "").strip() or None
    except OSError:
        return None
