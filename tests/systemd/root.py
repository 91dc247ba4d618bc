"""What the container is made of: a bare Debian, and a folder of wheels for it.

Both are kept under ``.systemd/``, in folders named after what went into them; ``rm -r .systemd`` builds anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from bench.instructions.debian import RELEASES
from bench.instructions.errors import CannotEmulateError
from bench.instructions.process import pip

PROJECT = Path(__file__).parent.parent.parent
CACHE = PROJECT / ".systemd"

#: A system that boots, and nothing that emot-edge needs: bringing that is install.sh's work.
BARE = ("systemd", "systemd-sysv", "dbus", "udev", "python3", "procps")

#: What install.sh asks apt for; downloaded beforehand, since the container has no network.
WANTED = {
    "bookworm": ("python3-venv", "libgl1", "libglib2.0-0"),
    "trixie": ("python3-venv", "libgl1", "libglib2.0-0t64"),
}

PYTHONS = {release: python for python, release in RELEASES.items()}

#: Parts of the runtime that services can use.
EXTRAS = ("web", "mqtt", "prometheus", "update")


def bare_debian(release: str) -> Path:
    """Return the file tree of a bare system; what apt will be asked for lies in its cache.

    Raises:
        CannotEmulateError: no debootstrap, or no network the first time.
    """
    recipe = " ".join((*BARE, *WANTED[release]))
    return _kept(f"{release}-{_short(recipe)}", lambda folder: _bootstrap(release, folder))


def wheels(release: str) -> Path:
    """Return a folder with the wheels of everything but the project itself.

    Raises:
        CannotEmulateError: no network the first time.
    """
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"].get(extra, [])
    constraints = PROJECT / "constraints.txt"

    def download(folder: Path) -> None:
        platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in range(36, 16, -1)]
        target = ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHONS[release]}", *platforms]
        folder.mkdir()
        pip("download", *target, "--platform=manylinux2014_x86_64", "-d", folder, "-c", constraints, *wanted)

    recipe = constraints.read_text() + " ".join(wanted)
    return _kept(f"wheels-{release}-{_short(recipe)}", download)


def project_wheel(
    folder: Path, version: str | None = None, change: Callable[[Path], object] = lambda tree: None
) -> Path:
    """Build the project's wheel into a folder and return its path.

    Args:
        folder: for the wheel.
        version: what it calls itself; None: what it is.
        change: does something to the sources before.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        # A copy: building leaves files behind in the checkout.
        left = shutil.ignore_patterns(".*", "build", "out", "runs", "*.egg-info", "__pycache__", "tests", "models")
        shutil.copytree(PROJECT, source, ignore=left)
        shutil.copytree(PROJECT / "edge/models", source / "edge/models")
        if version is not None:
            path = source / "edge/version.py"
            path.write_text(f'"""The version of the whole distribution."""\n\n__version__ = "{version}"\n')
        change(source)
        made = Path(scratch) / "wheel"
        pip("wheel", "--no-deps", "--wheel-dir", made, source)
        (wheel,) = made.glob("*.whl")
        return Path(shutil.copy2(wheel, folder))


def why_not() -> str | None:
    """Say what this machine lacks for a container; None where it lacks nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "containers are started by root"
    for program, package in (("systemd-nspawn", "systemd-container"), ("debootstrap", "debootstrap")):
        if shutil.which(program) is None:
            return f"{program} is missing: apt install {package}"
    return None


def _bootstrap(release: str, folder: Path) -> None:
    include = ",".join(BARE)
    _run("debootstrap", "--variant=minbase", f"--include={include}", release, str(folder), _mirror())
    # Services of the packages would be started in here otherwise.
    _run("chroot", str(folder), "apt-get", "-qq", "update")
    _run(
        "chroot",
        str(folder),
        "apt-get",
        "-qq",
        "-y",
        "--no-install-recommends",
        "--download-only",
        "install",
        *WANTED[release],
    )


def _mirror() -> str:
    """Return where this machine gets its own packages."""
    listed = _run("apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Identifier: Packages")
    for line in listed.splitlines():
        address, _, label = line.partition(" ")
        if label == "Debian":
            return address
    raise CannotEmulateError("this machine's apt knows no archive of Debian")


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    folder = CACHE / name
    if not folder.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{name}.", dir=CACHE) as scratch:
            made = Path(scratch) / "made"
            make(made)
            made.replace(folder)
    return folder


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise CannotEmulateError(f"{command[0]}: {lines[-1]}")
    return done.stdout
