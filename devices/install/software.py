"""Where the software comes from: a folder of wheels, a checkout of the project, or the package index."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

from edge.errors import EdgeError
from edge.version import __version__

#: Parts of the runtime that a service can use, and a module that each brings.
MODULES = {
    "web": "aiohttp",
    "mqtt": "paho",
    "prometheus": "prometheus_client",
    "onnx": "onnxruntime",
    "mediapipe": "mediapipe",
    "update": "nacl",
}

PROJECT = Path(__file__).parent.parent.parent

_WHEEL = re.compile(r"emot_edge-([^-]+)-[^/]*\.whl")


@dataclasses.dataclass(frozen=True)
class Software:
    """One version of the distribution, and where pip finds it.

    Attributes:
        version: of the distribution.
        extras: further parts, sorted.
        wheels: folder of everything that is needed; None: the package index.
        checkout: the project's own folder, to build it from; None: it comes with the rest.
    """

    version: str
    extras: tuple[str, ...] = ()
    wheels: Path | None = None
    checkout: Path | None = None

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"emot-edge{extras}=={self.version}"

    @property
    def origin(self) -> str:
        """Say where it comes from."""
        return str(self.wheels or self.checkout or "the package index")


def choose(wheels: Path | None, extras: tuple[str, ...]) -> Software:
    """Return what is to be installed.

    Args:
        wheels: a folder with the wheels of the distribution and of all it needs.
        extras: of :data:`MODULES`.

    Raises:
        EdgeError: no such folder, no wheel of the distribution in it, or an unknown extra.
    """
    for extra in extras:
        if extra not in MODULES:
            raise EdgeError(f"--extras: {extra!r} is none of {', '.join(MODULES)}")
    chosen = tuple(sorted(set(extras)))
    if wheels is not None:
        if not wheels.is_dir():
            raise EdgeError(f"{wheels} is no folder; --wheels takes one with emot_edge-*.whl and what it needs")
        found = [match[1] for path in wheels.iterdir() if (match := _WHEEL.fullmatch(path.name))]
        if not found:
            raise EdgeError(f"no emot_edge-*.whl in {wheels}; fill it with: pip download emot-edge -d {wheels}")
        return Software(max(found, key=_order), chosen, wheels.resolve())
    checkout = PROJECT if (PROJECT / "pyproject.toml").is_file() else None
    return Software(__version__, chosen, None, checkout)


def parse_extras(text: str) -> tuple[str, ...]:
    """Return ``web,mqtt`` as a sorted tuple."""
    return tuple(sorted({word.strip() for word in text.split(",") if word.strip()}))


def python_of(root: Path) -> tuple[str, Path]:
    """Return the version (``3.13``) and path of a system's own Python.

    It has to be that one, since only it sees the packages that the system brings, such as Picamera2.

    Raises:
        EdgeError: there is none, or an old one.
    """
    path = root / "usr/bin/python3"
    # The name of what it leads to, and not that itself: the link of an image may be absolute.
    name = Path(path.readlink()).name if path.is_symlink() else path.name
    match = re.fullmatch(r"python(3\.(\d+))", name)
    if match is None or not (path.with_name(name)).exists():
        if root.resolve() == Path("/"):
            return f"{sys.version_info[0]}.{sys.version_info[1]}", Path(
                getattr(sys, "_base_executable", sys.executable)
            )
        raise EdgeError(f"no Python in {root}/usr/bin; --root takes the file tree of a Debian or Raspberry Pi OS")
    if int(match[2]) < 11:
        raise EdgeError(f"{path} is Python {match[1]}, and 3.11 is needed: Raspberry Pi OS bookworm or newer has it")
    return match[1], path.with_name(name)


def constraints_for(root: Path) -> list[str]:
    """Return what pip has to hold to, lest packages of the system break.

    Bookworm's Picamera2 comes with modules built for NumPy 1 and does not start under NumPy 2 (picamera2 issues 1088
    and 1211 on GitHub). OpenCV 4.11 is the last that runs with NumPy 1.
    """
    packages = root / "usr/lib/python3/dist-packages"
    if (packages / "picamera2").is_dir() and any(packages.glob("numpy-1.*")):
        return ["numpy<2", "opencv-contrib-python<4.12"]
    return []


def _order(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.+-]", version)]
