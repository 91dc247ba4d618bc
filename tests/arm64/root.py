"""A Debian root file system for aarch64 and the runtime's packages in it, unpacked without running any of it.

It is kept under ``.arm64/``, in a folder named after the versions of everything in it; ``rm -r .arm64`` builds anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.arm64.chips import CHIPS, Chip, dress

PROJECT = Path(__file__).parent.parent.parent
CACHE = PROJECT / ".arm64"
#: Debian's release of each version of Python; Raspberry Pi OS follows Debian.
RELEASES = {"3.11": "bookworm", "3.13": "trixie"}
#: OpenCV's wheel wants the two libraries of GLib and OpenGL; base-files makes trixie's /lib a link to /usr/lib.
PACKAGES = {
    "3.11": ("base-files", "python3.11", "libstdc++6", "libgl1", "libglib2.0-0"),
    "3.13": ("base-files", "python3.13", "libstdc++6", "libgl1", "libglib2.0-0t64"),
}
#: The C libraries these releases have can load wheels made for these, and older.
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


class CannotBuildError(Exception):
    """This machine cannot build the root file system; the message says why and what to do, in one line."""


@dataclasses.dataclass(frozen=True)
class Root:
    """What a Raspberry Pi would have installed.

    Attributes:
        folder: holds a root file system for each chip, under the chip's name.
        python: version of Python in it, ``"3.11"``.
    """

    folder: Path
    python: str

    @property
    def packages(self) -> Path:
        """Python packages for aarch64 that ``pip`` unpacked: the runtime's dependencies and ONNX Runtime."""
        return self.folder / "packages"

    def system(self, chip: Chip) -> Path:
        """The root file system of a board with this chip."""
        return self.folder / chip.cpu

    def interpreter(self, chip: Chip) -> Path:
        """Its Python."""
        return self.system(chip) / "usr" / "bin" / f"python{self.python}"


def build_root(python: str) -> Root:
    """Return the root file system with a version of Python, from the cache where it is there.

    Raises:
        CannotBuildError: no Debian, no network, or a package that is not to be had.
    """
    wanted = requirements()
    described = [chip.cpuinfo() for chip in CHIPS.values()]
    recipe = "\n".join([*PACKAGES[python], *PLATFORMS, *wanted, *described, _constraints().read_text()])
    folder = CACHE / f"{RELEASES[python]}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=CACHE) as scratch:
            made = Path(scratch) / "made"
            _unpack_debian(made / "system", Path(scratch) / "apt", python)
            pip("install", *for_device(python), "--target", made / "packages", "-c", _constraints(), *wanted)
            for chip in CHIPS.values():
                dress(made / "system", made / chip.cpu, chip)
            made.replace(folder)
    return Root(folder, python)


def requirements() -> list[str]:
    """What ``pip install 'emot-edge[onnx]'`` would bring to a device."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["onnx"]]


def for_device(python: str) -> list[str]:
    """Options that make ``pip`` choose wheels for aarch64 under a version of Python."""
    options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for platform in PLATFORMS:
        options += ["--platform", platform]
    return options


def build_project(folder: Path, python: str) -> Path:
    """Build this project's wheel, install it alone into ``folder / "project"`` and return that folder."""
    source = folder / "source"
    # A copy: building leaves files behind in the checkout.
    left = shutil.ignore_patterns(".*", "build", "out", "runs", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(PROJECT, source, ignore=left)
    pip("wheel", "--no-deps", "--wheel-dir", folder / "wheels", source)
    (wheel,) = (folder / "wheels").glob("*.whl")
    target = folder / "project"
    pip("install", "--no-deps", *for_device(python), "--target", target, wheel)
    return target


def pip(*arguments: str | Path) -> None:
    """Run this machine's ``pip``.

    Raises:
        CannotBuildError: it failed.
    """
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise CannotBuildError(f"pip {arguments[0]}: {_last_line(done.stderr)}")


def _constraints() -> Path:
    return PROJECT / "constraints.txt"


def _unpack_debian(system: Path, scratch: Path, python: str) -> None:
    """Download the packages with an APT of their own, so that this machine's knows nothing of it, and unpack them."""
    for folder in ("lists/partial", "archives/partial", "etc"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "etc" / "sources.list").write_text("".join(_sources(RELEASES[python])))
    settings = scratch / "apt.conf"
    settings.write_text(
        'APT::Architecture "arm64";\nAPT::Architectures { "arm64"; };\nAPT::Install-Recommends "false";\n'
        f'Dir::State "{scratch}";\nDir::State::lists "{scratch}/lists";\nDir::State::status "{scratch}/status";\n'
        f'Dir::Cache "{scratch}";\nDir::Cache::archives "{scratch}/archives";\n'
        f'Dir::Etc::sourcelist "{scratch}/etc/sources.list";\nDir::Etc::sourceparts "-";\n'
        'APT::Sandbox::User "root";\nBinary::apt-get::APT::Keep-Downloaded-Packages "true";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(settings)}
    _run("apt-get", "-qq", "update", env=environment)
    _run("apt-get", "-qq", "-y", "--download-only", "install", *PACKAGES[python], env=environment)
    archives = sorted((scratch / "archives").glob("*.deb"))
    # base-files first: where /lib is a link, later packages must find it.
    archives.sort(key=lambda path: not path.name.startswith("base-files"))
    system.mkdir(parents=True)
    for archive in archives:
        _run("dpkg", "--extract", str(archive), str(system))
    (system.parent / "debian-packages.txt").write_text("\n".join(path.stem for path in archives) + "\n")
    _make_links_relative(system)


def _sources(release: str) -> list[str]:
    """Lines for another release of Debian, from where this machine gets its own."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise CannotBuildError("the root file system is made of Debian packages: run this on Debian, or in a container")
    own = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line).get(
        "VERSION_CODENAME", ""
    )
    columns = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = _run("apt-get", "indextargets", "--format", columns, "Identifier: Packages")
    keys = next(iter(Path("/usr/share/keyrings").glob("debian-archive-keyring.*")), None)
    trusted = f"[signed-by={keys}] " if keys else ""
    found = {tuple(line.split()) for line in listed.splitlines()}
    lines = [
        f"deb {trusted}{place} {suite.replace(own, release, 1)} main\n"
        for place, suite, component in sorted(found)
        if own and suite.split("-")[0] == own and component == "main"
    ]
    if not lines or own not in RELEASES.values():
        raise CannotBuildError(f"needs the packages of Debian {' or '.join(RELEASES.values())}, this machine has {own}")
    return lines


def _make_links_relative(system: Path) -> None:
    """Turn links to absolute paths into links inside the root; the host would follow them to its own files."""
    for path in system.rglob("*"):
        if path.is_symlink() and path.readlink().is_absolute():
            inside = system / path.readlink().relative_to("/")
            path.unlink()
            path.symlink_to(os.path.relpath(inside, path.parent))


def _run(*command: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise CannotBuildError(f"{command[0]}: {_last_line(done.stderr)}")
    return done.stdout


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
