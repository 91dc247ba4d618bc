"""Making updates: of a model bundle, or of wheels."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from devices.update.archive import write_archive
from devices.update.manifest import NAME, Entry, Update, check, file_name, is_plain
from edge.bundle import CONFIG_NAME, read_bundle, sha256
from edge.errors import EdgeError

#: The distribution that a software update brings.
DISTRIBUTION = "emot-edge"

#: name-version(-build)-python-abi-platform.whl: https://packaging.python.org/specifications/binary-distribution-format
_WHEEL = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-[^-]+)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)")

#: Wheels name machines as compilers do; these are the words of ``uname -m``.
_MACHINES = ("aarch64", "x86_64", "armv7l", "armv6l", "i686")


def pack(folder: Path, version: str, out: Path, *, requires: str = "", notes: str = "", created: str = "") -> Path:
    """Write the update of a bundle, or of a folder of wheels, and return its path.

    Args:
        folder: a bundle, or wheels: those of emot-edge and of all that it needs and the device may lack.
        version: of a model; for wheels empty, or that of emot-edge's.
        out: folder to write into.
        requires: least version of emot-edge that can use a model.
        notes: for people.
        created: ``2026-11-25T15:00:00Z``; default: now, or ``SOURCE_DATE_EPOCH``.

    Raises:
        EdgeError: ``folder`` is neither, or something in it is damaged.
    """
    created = created or _moment()
    if (folder / CONFIG_NAME).is_file():
        name, sources = _of_bundle(folder)
        if not version:
            raise EdgeError("a model needs a version: --version 1.0, then higher numbers from one to the next")
        update = Update("model", name, version, created, _entries(sources), requires=requires, notes=notes)
    else:
        sources = {path.name: path for path in sorted(folder.glob("*.whl"))}
        if not sources:
            raise EdgeError(f"{folder} is no model bundle and holds no wheels; name the folder of one or the other")
        found, machines, pythons = _of_wheels(list(sources))
        if version and version != found:
            raise EdgeError(f"--version {version}: the wheel of {DISTRIBUTION} in {folder} is {found}; leave it out")
        update = Update("software", DISTRIBUTION, found, created, _entries(sources), "", machines, pythons, notes)
    check(update, str(folder))
    path = out / file_name(update)
    write_archive(path, update, sources)
    return path


def _of_bundle(folder: Path) -> tuple[str, dict[str, Path]]:
    """Return name and files of a bundle: those that its config lists, and its card."""
    bundle = read_bundle(folder)
    name = bundle.config.name
    if not is_plain(name):
        raise EdgeError(f"{folder}: a model named {name!r} can't be packed; use letters, digits, . _ + -")
    names = [CONFIG_NAME, *bundle.config.files]
    if bundle.config.golden is None:
        raise EdgeError(f"{folder} has no golden answers, so no device could prove it: edge-quantize {folder}")
    names.append(bundle.config.golden.file)
    for listed in bundle.config.files:
        bundle.path(listed)
    if (folder / "MODEL_CARD.md").is_file():
        names.append("MODEL_CARD.md")
    return name, {listed: folder / listed for listed in sorted(names)}


def _of_wheels(names: list[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the version of emot-edge, and the machines and Pythons that wheels are bound to.

    Raises:
        EdgeError: a file's name is none of a wheel, or emot-edge is not among them.
    """
    version, machines, pythons = "", set[str](), set[str]()
    for name in names:
        parts = _WHEEL.fullmatch(name.removesuffix(".whl"))
        if parts is None:
            raise EdgeError(f"{name} is not named as wheels are; take it as pip made it")
        if distribution(name)[0] == DISTRIBUTION:
            version = parts["version"]
        machines |= {machine for machine in _MACHINES if parts["platform"].endswith(machine)}
        # abi3 runs on later Pythons as well, py3 on all.
        if parts["abi"] != "abi3" and (tag := re.fullmatch(r"cp3(\d+)", parts["python"])):
            pythons.add(f"3.{tag[1]}")
    if not version:
        raise EdgeError(f"no wheel of {DISTRIBUTION} is among them; make it with: pip wheel --no-deps .")
    return version, tuple(sorted(machines)), tuple(sorted(pythons))


def distribution(wheel: str) -> tuple[str, str]:
    """Return name, as package indexes write it, and version of a wheel by its file's name."""
    name, version, *_ = wheel.split("-")
    return re.sub("[-_.]+", "-", name).lower(), version


def _entries(sources: dict[str, Path]) -> tuple[Entry, ...]:
    if NAME in sources:
        raise EdgeError(f"a file named {NAME} can't be part of an update")
    return tuple(Entry(name, sha256(path), path.stat().st_size) for name, path in sources.items())


def _moment() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(epoch) if epoch.isdigit() else None))
