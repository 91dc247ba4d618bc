"""How an environment is built: on the device by its own Python, or into an image, none of whose programs is run."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from devices.install.software import Software, constraints_for, python_of
from devices.layout import Layout
from edge.errors import EdgeError

#: Machines that packages exist for, by their number in a program's header (elf(5), e_machine).
_MACHINES = {62: "x86_64", 183: "aarch64"}

#: The newest C library whose packages run on bookworm, and the oldest that any of ours are made for (PEP 600).
_GLIBC = range(36, 16, -1)

#: Of a checkout, what is no part of the software.
_LEFT_OUT = shutil.ignore_patterns(".*", "build", "out", "runs", "*.egg-info", "__pycache__", "tests", "models")

_FAILED = "cannot install the software"

_PATIENCE = 3600


def check(layout: Layout) -> None:
    """Look whether an environment can be built.

    Raises:
        EdgeError: no Python there, or no way to make environments.
    """
    version, python = python_of(layout.root)
    if layout.here:
        done = subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False)
        if done.returncode:
            raise EdgeError(f"Python {version} can't make environments; on Debian: apt install python3-venv")
    else:
        _machine(python)


def build(layout: Layout, folder: Path, software: Software) -> None:
    """Build an environment in a folder that isn't there yet.

    Raises:
        EdgeError: a package is missing, or what was built does not start.
    """
    # On the disk, and gone with the folder: /tmp of a small device is memory, too little for what pip unpacks.
    scratch = folder / ".scratch"
    scratch.mkdir(parents=True)
    options = _options(layout.root, scratch, software)
    if layout.here:
        _build_here(folder, software, options)
    else:
        _build_image(layout, folder, software, options)
    shutil.rmtree(scratch)


def _build_here(folder: Path, software: Software, options: Sequence[str]) -> None:
    _, python = python_of(Path("/"))
    scratch = folder / ".scratch"
    _run([python, "-m", "venv", "--system-site-packages", folder], "cannot make an environment", scratch)
    _run([folder / "bin/python", "-m", "pip", *options, software.requirement], _FAILED, scratch)
    # OpenCV needs libraries of the system, and says which.
    _run([folder / "bin/edge-run", "--version"], "what was installed does not start", scratch)


def _build_image(layout: Layout, folder: Path, software: Software, options: Sequence[str]) -> None:
    version, python = python_of(layout.root)
    packages = folder / f"lib/python{version}/site-packages"
    packages.mkdir(parents=True)
    binaries = folder / "bin"
    binaries.mkdir()
    # What "python -m venv --system-site-packages" makes, as the device will see it.
    (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {version}\n")
    (binaries / "python").symlink_to(layout.inside(python))
    (binaries / "python3").symlink_to("python")
    machine = _machine(python)
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC] + [f"manylinux2014_{machine}"]
    foreign = ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    foreign += [f"--platform={platform}" for platform in platforms]
    if version != f"{sys.version_info[0]}.{sys.version_info[1]}":
        foreign.append("--no-compile")  # compiled for another Python it would only take up room
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        *options,
        *foreign,
        "--target",
        packages,
        software.requirement,
    ]
    _run(command, _FAILED, folder / ".scratch")
    shutil.rmtree(packages / "bin", ignore_errors=True)  # these name this machine's Python
    _write_commands(packages, binaries, f"{layout.inside(folder)}/bin/python")


def _write_commands(packages: Path, binaries: Path, python: str) -> None:
    """Write the commands that the distribution declares."""
    for declared in packages.glob("emot_edge-*.dist-info/entry_points.txt"):
        parser = configparser.ConfigParser(delimiters=("=",))
        parser.read(declared)
        for name, target in parser["console_scripts"].items():
            module, _, function = target.partition(":")
            command = binaries / name
            command.write_text(f"#!{python}\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n")
            command.chmod(0o755)


def _options(root: Path, scratch: Path, software: Software) -> list[str]:
    options = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"]
    if software.wheels is not None:
        options += ["--no-index", f"--find-links={software.wheels}"]
    elif software.checkout is not None:
        # Of a copy: building leaves files behind.
        source = scratch / "source"
        shutil.copytree(software.checkout, source, ignore=_LEFT_OUT)
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            f"--wheel-dir={scratch}",
            source,
        ]
        _run(command, f"cannot build {software.checkout}", scratch)
        options.append(f"--find-links={scratch}")
    if constraints := constraints_for(root):
        path = scratch / "constraints.txt"
        path.write_text("\n".join(constraints) + "\n")
        options.append(f"--constraint={path}")
    return options


def _machine(python: Path) -> str:
    """Return the architecture of a program, as its header tells it."""
    try:
        with python.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise EdgeError(f"cannot read {python}: {error.strerror}; --root takes the file tree of a device") from error
    number = int.from_bytes(head[18:20], "little")
    if head[:5] != b"\x7fELF\2" or number not in _MACHINES:
        raise EdgeError(f"{python} is no program for 64-bit Arm or x86; packages exist for these alone")
    return _MACHINES[number]


def _run(command: Sequence[str | Path], what: str, scratch: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment["TMPDIR"] = str(scratch)
    try:
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=_PATIENCE,
            check=False,
            # The service's user has to read it, whatever mask root works with.
            umask=0o022,
            # The lock goes along: should this process be killed, the next one waits until that program has ended.
            close_fds=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EdgeError(f"{what}: {error}; run this again") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or done.stdout.splitlines()
        told = [line for line in lines if line.upper().startswith("ERROR")] or lines or ["no message"]
        raise EdgeError(f"{what}: {told[-1].strip()}; correct that and run this again")
