"""Making the tree that an update will be: beside the active one, whole before anything can lead to it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from devices import durable
from devices.update.archive import unpack
from devices.update.journal import Installed, installed
from devices.update.manifest import Update, is_plain
from devices.update.packing import distribution
from devices.update.places import COMPLETE, KINDS, RECORD, VARIABLES, Places, is_complete
from edge.bundle import CONFIG_NAME, check_file, read_bundle
from edge.errors import EdgeError

#: Seconds that an environment may take: a Pi Zero 2 W unpacks 400 MB onto an SD card.
PATIENCE = 3600.0

#: Begins names of folders that are not finished.
UNFINISHED = ".new-"

#: Makes an environment (second path) of a folder of wheels (first path).
Builder = Callable[[Path, Path], None]


def stage(places: Places, file: Path, update: Update, digest: str, build: Builder) -> Path:
    """Return the complete tree of a verified update; one that an earlier try has finished is taken as it is.

    Raises:
        EdgeError: the update holds something else than it says, or the disk is full. Nothing is left of it then.
    """
    folder = places.trees(update.kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for tree in places.complete(update.kind):
            found = installed(tree)
            if found is not None and found.digest == digest:
                return tree
        room(folder, update)
        record = Installed(update.name, update.version, digest)
        if update.kind == "model":
            return _model(places, file, update, record)
        return _software(places, file, update, record, build)
    except OSError as error:
        raise EdgeError(f"cannot write to {folder}: {error.strerror or error}; what runs is unchanged") from error


def room(folder: Path, update: Update) -> None:
    """Make sure that an update fits.

    Raises:
        EdgeError: it doesn't.
    """
    # Wheels are unpacked once as they are and once to about three times their size.
    need = update.size * (4 if update.kind == "software" else 1) + 1_000_000
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize
    if free < need:
        raise EdgeError(f"{folder} has {free / 1e6:.1f} MB free, {need / 1e6:.1f} MB are needed; make room")


def _model(places: Places, file: Path, update: Update, record: Installed) -> Path:
    folder = places.trees("model")
    staged = folder / f"{UNFINISHED}{record.digest[:12]}"
    durable.remove_tree(staged)
    staged.mkdir()
    try:
        unpack(file, update, staged)
        bundle = read_bundle(staged)
        for name, entry in bundle.config.files.items():
            check_file(staged / name, entry)
        config = hashlib.sha256((staged / CONFIG_NAME).read_bytes()).hexdigest()
        tree = _free(folder / f"{bundle.config.name}-{config[:12]}")
        # The tree itself and not the link: a service that has started stays with what it started with.
        place = "/" / tree.relative_to(places.root)
        durable.write(staged / VARIABLES, f"EDGE_RUN_MODEL={place}\n".encode())
        _keep(staged, record, tree.name)
        staged.rename(tree)
        durable.flush(folder)
    except BaseException:
        durable.remove_tree(staged)
        raise
    return tree


def _software(places: Places, file: Path, update: Update, record: Installed, build: Builder) -> Path:
    folder = places.trees("software")
    wheels = places.staging / f"{UNFINISHED}{record.digest[:12]}"
    durable.remove_tree(wheels)
    wheels.mkdir(parents=True)
    # Programs in an environment know its path, so it is built where it will be; the mark comes last.
    tree = _free(folder / update.version)
    try:
        unpack(file, update, wheels)
        build(wheels, tree)
        _keep(tree, record, tree.name)
        # What pip wrote it did not flush, thousands of files: all of them, before the mark.
        os.sync()
        durable.write(tree / COMPLETE, b"")
        durable.flush(folder)
    except BaseException:
        durable.remove_tree(tree)
        raise
    finally:
        durable.remove_tree(wheels)
    return tree


def _free(path: Path) -> Path:
    """Return a path that nothing has: the same, or with a number behind it."""
    if not is_plain(path.name):
        raise EdgeError(f"{path.name!r} is no name for a folder; letters, digits, . _ + - are")
    candidate, number = path, 1
    while candidate.exists() or candidate.is_symlink():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def _keep(tree: Path, record: Installed, name: str) -> None:
    durable.write(tree / RECORD, msgspec.json.encode(msgspec.structs.replace(record, tree=name)))


def build_environment(wheels: Path, tree: Path) -> None:
    """Make a virtual environment of wheels alone.

    Raises:
        EdgeError: the wheels don't fit this machine or each other; pip's own words are told.
    """
    make_environment(tree)
    install_wheels(wheels, tree)


def make_environment(tree: Path) -> None:
    """Make an empty virtual environment; system packages are seen, so that apt's picamera2 is.

    Raises:
        EdgeError: this Python can't.
    """
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    _run([str(python), "-m", "venv", "--system-site-packages", str(tree)], "no environment can be made")


def install_wheels(wheels: Path, tree: Path) -> None:
    """Install all wheels of a folder, and nothing from anywhere else.

    Raises:
        EdgeError: they don't fit this machine or each other; pip's own words are told.
    """
    wanted = sorted({"==".join(distribution(path.name)) for path in wheels.glob("*.whl")})
    pip = [str(tree / "bin" / "python"), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--isolated"]
    install = ["install", "--no-index", "--no-cache-dir", "--find-links", str(wheels), "--quiet", *wanted]
    _run([*pip, *install], "the wheels can't be installed")


def _run(command: list[str], wrong: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, cwd="/", check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EdgeError(f"{wrong}: it took more than {PATIENCE / 60:.0f} minutes") from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        told = [line for line in lines if line.startswith("ERROR")] or lines or [f"exit code {done.returncode}"]
        raise EdgeError(f"{wrong}: {told[-1].removeprefix('ERROR: ')}")


def tidy(places: Places) -> None:
    """Remove what a power cut or a full disk left unfinished; downloads that can be resumed stay."""
    links = [link for kind in KINDS for link in (places.link(kind), places.previous(kind))]
    used = {link.parent / link.readlink() for link in links if link.is_symlink()}
    for kind in KINDS:
        folder = places.trees(kind)
        for path in folder.iterdir() if folder.is_dir() else []:
            unfinished = path.name.startswith((UNFINISHED, ".removed-"))
            half = kind == "software" and path.is_dir() and not is_complete(kind, path)
            if (unfinished or half) and not path.is_symlink() and path not in used:
                durable.remove_tree(path)
    for path in places.staging.iterdir() if places.staging.is_dir() else []:
        if path.suffix not in (".part", ".tag"):
            durable.remove_tree(path)
    for path in (*links, places.journal, places.history, places.last):
        durable.aside(path).unlink(missing_ok=True)
