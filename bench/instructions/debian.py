"""Debian packages for aarch64, unpacked into a folder without running any of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.instructions.errors import CannotEmulateError
from bench.instructions.process import run

#: Debian's release of each version of Python; Raspberry Pi OS follows Debian.
RELEASES = {"3.11": "bookworm", "3.13": "trixie"}
#: OpenCV's wheel wants the two libraries of GLib and OpenGL; base-files makes trixie's /lib a link to /usr/lib.
PACKAGES = {
    "3.11": ("base-files", "python3.11", "libstdc++6", "libgl1", "libglib2.0-0"),
    "3.13": ("base-files", "python3.13", "libstdc++6", "libgl1", "libglib2.0-0t64"),
}


def unpack(system: Path, scratch: Path, release: str, packages: Sequence[str]) -> list[str]:
    """Download packages and what they depend on, unpack them, and return their names with versions.

    APT gets folders of its own, so that this machine's knows nothing of it.

    Args:
        system: where to; becomes a root file system.
        scratch: for APT.
        release: of Debian.
        packages: names.

    Raises:
        CannotEmulateError: no Debian, no network, or a package that is not to be had.
    """
    for folder in ("lists/partial", "archives/partial", "etc"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "etc" / "sources.list").write_text("".join(_sources(release)))
    settings = scratch / "apt.conf"
    settings.write_text(
        'APT::Architecture "arm64";\nAPT::Architectures { "arm64"; };\nAPT::Install-Recommends "false";\n'
        f'Dir::State "{scratch}";\nDir::State::lists "{scratch}/lists";\nDir::State::status "{scratch}/status";\n'
        f'Dir::Cache "{scratch}";\nDir::Cache::archives "{scratch}/archives";\n'
        f'Dir::Etc::sourcelist "{scratch}/etc/sources.list";\nDir::Etc::sourceparts "-";\n'
        'Binary::apt-get::APT::Keep-Downloaded-Packages "true";\n'
        # As root, APT downloads as a user who may not write here.
        + ('APT::Sandbox::User "root";\n' if os.geteuid() == 0 else "")
    )
    environment = {**os.environ, "APT_CONFIG": str(settings)}
    run("apt-get", "-qq", "update", env=environment)
    run("apt-get", "-qq", "-y", "--download-only", "install", *packages, env=environment)
    # base-files first: where /lib is a link, later packages must find it.
    archives = sorted(
        (scratch / "archives").glob("*.deb"), key=lambda path: (not path.name.startswith("base-files"), path.name)
    )
    system.mkdir(parents=True)
    for archive in archives:
        run("dpkg", "--extract", archive, system)
    _make_links_relative(system)
    return [archive.stem for archive in archives]


def _sources(release: str) -> list[str]:
    """Lines for another release of Debian, from where this machine gets its own."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise CannotEmulateError(
            "the root file system is made of Debian packages: run this on Debian, or in a container"
        )
    own = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line).get(
        "VERSION_CODENAME", ""
    )
    columns = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = run("apt-get", "indextargets", "--format", columns, "Identifier: Packages")
    keys = next(iter(Path("/usr/share/keyrings").glob("debian-archive-keyring.*")), None)
    trusted = f"[signed-by={keys}] " if keys else ""
    found = {tuple(line.split()) for line in listed.splitlines()}
    lines = [
        f"deb {trusted}{place} {suite.replace(own, release, 1)} main\n"
        for place, suite, component in sorted(found)
        if own and suite.split("-")[0] == own and component == "main"
    ]
    if not lines or own not in RELEASES.values():
        raise CannotEmulateError(
            f"needs the packages of Debian {' or '.join(RELEASES.values())}, this machine has {own or 'another system'}"
        )
    return lines


def _make_links_relative(system: Path) -> None:
    """Turn links to absolute paths into links inside the root; the host would follow them to its own files."""
    for path in system.rglob("*"):
        if path.is_symlink() and path.readlink().is_absolute():
            inside = system / path.readlink().relative_to("/")
            path.unlink()
            path.symlink_to(os.path.relpath(inside, path.parent))
