"""File trees to install into, and a small stand-in for the distribution: a wheel that pip takes in a moment."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from pathlib import Path

from edge.version import __version__

_DIST = f"emot_edge-{__version__}.dist-info"

#: What the programs for accounts leave: a lock, and copies of how things were.
PASSING = {"etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"}

#: The same commands as the real one, and nothing that it needs.
_WHEEL = {
    "edge/__init__.py": "",
    "edge/cli.py": "def main():\n    print('edge-run')\n",
    "devices/__init__.py": "",
    "devices/cli.py": "def main():\n    print('edge-device')\n",
    f"{_DIST}/METADATA": f"Metadata-Version: 2.1\nName: emot-edge\nVersion: {__version__}\n"
    + "".join(f"Provides-Extra: {extra}\n" for extra in ("web", "mqtt", "prometheus", "update")),
    f"{_DIST}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{_DIST}/entry_points.txt": "[console_scripts]\nedge-run = edge.cli:main\nedge-device = devices.cli:main\n",
}


def wheels(folder: Path, requires: str = "") -> Path:
    """Make a folder of wheels; the one in it may need something that isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"emot_edge-{__version__}-py3-none-any.whl", "w") as wheel:
        for name, content in _WHEEL.items():
            if requires and name.endswith("METADATA"):
                content += f"Requires-Dist: {requires}\n"
            wheel.writestr(name, content)
        record = f"{_DIST}/RECORD"
        wheel.writestr(record, "".join(f"{name},,\n" for name in (*_WHEEL, record)))
    return folder


def device(root: Path) -> Path:
    """Make the file tree of a device, as far as an installation looks at it: a Debian 12 for aarch64."""
    for folder in ("etc/systemd/system/multi-user.target.wants", "etc/udev/rules.d", "opt", "usr/local/bin", "var/lib"):
        (root / folder).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nvideo:x:44:\n")
    (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    (root / "etc/gshadow").write_text("root:*::\nvideo:*::\n")
    (root / "usr/bin").mkdir()
    # The beginning of a program for 64-bit Arm.
    (root / "usr/bin/python3.11").write_bytes(b"\x7fELF\2\1\1".ljust(18, b"\0") + bytes([183, 0]) + bytes(44))
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "usr/lib/aarch64-linux-gnu/systemd").mkdir(parents=True)
    (root / "usr/lib/aarch64-linux-gnu/systemd/libsystemd-shared-252.so").touch()
    return root


def tree(root: Path) -> dict[str, str]:
    """Return all there is below a folder: what each thing is, its mode and its content; no times, no owners."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name in PASSING:
            continue
        status = path.lstat()
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"  # noqa: PTH115 (its text, as it is)
        elif path.is_dir():
            found[name] = f"folder {stat.S_IMODE(status.st_mode):o}"
        elif "__pycache__" not in name:
            found[name] = f"{stat.S_IMODE(status.st_mode):o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found
