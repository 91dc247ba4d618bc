"""A root file system for aarch64 with Debian's Python, and Python packages for it, made without running any of it.

It is kept in a folder named after everything in it; removing the folder builds it anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.instructions.chips import CHIPS, Chip, dress
from bench.instructions.debian import PACKAGES, RELEASES, unpack
from bench.instructions.process import pip

#: Wheels made for these C libraries, and older ones, can be loaded: bookworm has glibc 2.36, trixie 2.41.
PLATFORMS = (*(f"manylinux_2_{minor}_aarch64" for minor in (34, 28, 27, 17)), "manylinux2014_aarch64")


@dataclasses.dataclass(frozen=True)
class Root:
    """What a Raspberry Pi would have installed.

    Attributes:
        folder: holds a root file system for each chip, under the chip's name.
        python: version of Python in it, ``"3.11"``.
        packages: folder of Python packages for aarch64.
    """

    folder: Path
    python: str
    packages: Path

    def system(self, chip: Chip) -> Path:
        """The root file system of a board with this chip."""
        return self.folder / chip.cpu

    def interpreter(self, chip: Chip) -> Path:
        """Its Python."""
        return self.system(chip) / "usr" / "bin" / f"python{self.python}"


def build_root(cache: Path, python: str, wanted: Sequence[str], constraints: Path | None = None) -> Root:
    """Return a root file system and packages, from the cache where they are there.

    Args:
        cache: folder that both are kept in.
        python: version of Python, of :data:`bench.instructions.debian.RELEASES`.
        wanted: what ``pip`` is to install.
        constraints: versions that ``pip`` keeps to.

    Raises:
        CannotEmulateError: no Debian, no network, or a package that is not to be had.
    """
    described = [text for chip in CHIPS.values() for item in chip.files().items() for text in item]
    system = cache / f"{RELEASES[python]}-{_digest(*PACKAGES[python], *described)}"
    if not system.is_dir():
        _build(system, lambda made, scratch: _make_system(made, scratch, python))
    exact = constraints.read_text() if constraints else ""
    packages = cache / f"packages-{python}-{_digest(*PLATFORMS, *wanted, exact)}"
    if not packages.is_dir():
        options = ["-c", str(constraints)] if constraints else []
        _build(packages, lambda made, _: pip("install", *for_device(python), "--target", made, *options, *wanted))
    return Root(system, python, packages)


def for_device(python: str) -> list[str]:
    """Options that make ``pip`` choose wheels for aarch64 under a version of Python."""
    options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for platform in PLATFORMS:
        options += ["--platform", platform]
    return options


def _make_system(made: Path, scratch: Path, python: str) -> None:
    names = unpack(scratch / "system", scratch / "apt", RELEASES[python], PACKAGES[python])
    made.mkdir()
    (made / "debian-packages.txt").write_text("\n".join(names) + "\n")
    for chip in CHIPS.values():
        dress(scratch / "system", made / chip.cpu, chip)


def _build(target: Path, make: Callable[[Path, Path], object]) -> None:
    """Make a folder beside its place and move it there: one that is there is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.name}.", dir=target.parent) as folder:
        made = Path(folder) / "made"
        make(made, Path(folder))
        try:
            made.replace(target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
