"""How the operating system is built and set up, as far as it decides what can run."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Literal

#: Names of kernels that are 64-bit: Raspberry Pi OS (bookworm and later), Debian, Ubuntu, Fedora.
_WIDE = re.compile(r"(-v8\+?|-rpi-v8|-rpi-2712|-2712|-16k|-arm64|-amd64|[.+-]aarch64|[.+-]x86_64|-raspi|-generic)$")


def read_bits(root: Path = Path("/")) -> int | None:
    """Return 32 or 64: what the programs of the file tree ``root`` are built for; None where that can't be told.

    Python packages are chosen by it. A 32-bit system may run on a 64-bit kernel, as Raspberry Pi OS does by default.
    """
    for name in ("bin/sh", "usr/bin/sh", "usr/bin/env"):
        try:
            with (root / name).open("rb") as file:
                head = file.read(5)
        except OSError:
            continue
        if head[:4] == b"\x7fELF" and head[4:] in (b"\1", b"\2"):  # EI_CLASS in elf(5)
            return 32 * head[4]
    return None


def read_kernel_bits(release: str | None, root: Path = Path("/")) -> int | None:
    """Return 32 or 64 for the kernel; that of a foreign tree is known by its release alone, and 32 never."""
    if root.resolve() == Path("/"):
        machine = platform.machine()
        return (64 if machine in ("aarch64", "x86_64", "riscv64", "ppc64le") else 32) if machine else None
    return 64 if release and _WIDE.search(release) else None


def read_memory_control(root: Path = Path("/")) -> bool | None:
    """Say whether the kernel can limit the memory of a service; None where nothing tells.

    Kernels of Raspberry Pi OS have that off unless asked (``cgroup_enable=memory`` in ``cmdline.txt``).
    """
    controllers = _text(root / "sys/fs/cgroup/cgroup.controllers")
    if controllers is not None:
        return "memory" in controllers.split()
    for line in (_text(root / "proc/cgroups") or "").splitlines():
        fields = line.split()
        if fields[:1] == ["memory"]:
            return fields[-1] == "1"
    return None


def read_cmdline_path(root: Path = Path("/")) -> Path | None:
    """Return where a Raspberry Pi's kernel parameters stand (inside the tree: without ``root``); None elsewhere."""
    for name in ("boot/firmware/cmdline.txt", "boot/cmdline.txt"):
        path = root / name
        # Since bookworm the old file is a note that the new one counts.
        if path.is_file() and "DO NOT EDIT" not in (_text(path) or ""):
            return Path("/") / name
    return None


def read_chassis(root: Path = Path("/")) -> int | None:
    """Return the SMBIOS type of a PC's case; None where there is no such table."""
    text = _text(root / "sys/class/dmi/id/chassis_type")
    return int(text) if text and text.isdigit() else None


def read_service(root: Path = Path("/"), name: str = "edge-run.service") -> Literal["installed", "absent"] | None:
    """Say whether the unit is there; None where there is no systemd."""
    if not (root / "etc/systemd").is_dir():
        return None
    places = ("etc/systemd/system", "lib/systemd/system", "usr/lib/systemd/system")
    return "installed" if any((root / place / name).exists() for place in places) else "absent"


def systemd_version(root: Path = Path("/")) -> int | None:
    """Return the version of systemd in a file tree, as its library is named; None where there is none."""
    for folder in ("usr/lib", "lib"):
        for pattern in ("systemd/libsystemd-shared-*.so", "*/systemd/libsystemd-shared-*.so"):
            for path in (root / folder).glob(pattern):
                if match := re.search(r"-(\d+)[^/]*\.so$", path.name):
                    return int(match[1])
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None
