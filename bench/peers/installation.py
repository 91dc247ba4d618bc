"""Environments of peers: made on first use, with pinned versions, from package indexes; later runs need no network."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.peers.peer import Home
from edge.errors import EdgeError

#: Where the lists of versions lie.
LISTS = Path(__file__).parent

#: In a folder that was made here: only such a one is ever removed. Once complete, it holds what was installed.
MARK = "edge-bench-peer.json"

#: Seconds that one step may take: gigabytes over a slow line.
PATIENCE = 3600.0


class InstallationError(EdgeError):
    """An environment can't be made."""


@dataclasses.dataclass(frozen=True)
class Installed:
    """A ready environment.

    Attributes:
        program: the interpreter, Python or Node.
        modules: folder of npm packages; None for Python.
        megabytes: what it takes on the disk; None for this toolkit's own.
    """

    program: str
    modules: Path | None = None
    megabytes: float | None = None


def install(home: Home, folder: Path, say: Callable[[str], None] = lambda line: None) -> Installed:
    """Return the environment of a peer, made if it is not there yet or was made from other versions.

    Args:
        home: what to install.
        folder: where environments lie, one folder each.
        say: told what is installed and how large it is.

    Raises:
        InstallationError: no network, no Node, versions that do not exist for this machine, or a folder that was not
            made by this function.
    """
    if home.kind == "here":
        return Installed(sys.executable)
    place = folder / home.name
    mark = place / MARK
    wanted = _fingerprint(home)
    found = _read(mark)
    if found.get("fingerprint") != wanted:
        if place.exists() and not mark.exists() and any(place.iterdir()):
            raise InstallationError(f"{place} is not empty and was not made by edge-bench; choose another --env")
        source = "the npm registry" if home.kind == "node" else "the Python package index"
        say(f"installing the environment {home.name} from {source} into {place}: about {home.megabytes} MB")
        try:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            mark.write_text("{}")
            _make_node(home, place) if home.kind == "node" else _make_python(home, place)
        except OSError as error:
            raise InstallationError(f"cannot make {place}: {error.strerror or error}") from error
        total = sum(path.lstat().st_size for path in place.rglob("*") if path.is_file()) / 1e6
        found = {"fingerprint": wanted, "megabytes": total}
        mark.write_text(json.dumps(found))
        say(f"installed {home.name}: {total:.0f} MB")
    size = found["megabytes"]
    if home.kind == "node":
        return Installed(_program("node"), place / "node_modules", size)
    return Installed(str(_python(place)), None, size)


def _make_python(home: Home, place: Path) -> None:
    _run([sys.executable, "-m", "venv", str(place)], place)
    pip = [str(_python(place)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for name in home.files:
        _run([*pip, "--requirement", str(LISTS / name)], place)
    if home.without_dependencies:
        _run([*pip, "--no-deps", *home.without_dependencies], place)


def _make_node(home: Home, place: Path) -> None:
    npm = _program("npm")
    _program("node")
    for name in home.files:
        shutil.copy(LISTS / name, place)
    # No install scripts: they would fetch binaries from elsewhere.
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], place)


def _run(command: list[str], place: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InstallationError(f"{command[0]} was not done after {PATIENCE:.0f} s") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line.lower()] or lines or [f"exit code {done.returncode}"]
        raise InstallationError(f"not installed: {telling[0]}")


def _python(place: Path) -> Path:
    scripts = place / ("Scripts" if sys.platform == "win32" else "bin")
    return scripts / ("python.exe" if sys.platform == "win32" else "python")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise InstallationError(f"{name} is not installed; this peer runs in Node.js, 20 or newer")
    return found


def _fingerprint(home: Home) -> str:
    """Return what tells versions apart: of the packages, and of the Python they are installed for."""
    digest = hashlib.sha256(repr((sys.version_info[:2], home.kind, home.without_dependencies)).encode())
    for name in home.files:
        digest.update((LISTS / name).read_bytes())
    return digest.hexdigest()


def _read(mark: Path) -> dict[str, Any]:
    try:
        found = json.loads(mark.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
