"""Which versions a device should have: from a file on it, or from retained messages of a broker."""

from __future__ import annotations

from pathlib import Path

import msgspec

from devices.update.manifest import numbers
from devices.update.places import KINDS, Kind
from devices.update.settings import convert, read_toml
from edge.errors import EdgeError
from edge.schema import Strict

#: Name of the file.
NAME = "desired.toml"


class Wanted(Strict, frozen=True):
    """One version.

    Attributes:
        version: that should be active.
        url: where its update is, or its path on the device.
        allow_downgrade: take it although it is lower than the active one; only a file on the device may say that.
    """

    version: str
    url: str
    allow_downgrade: bool = False


class Desired(Strict, frozen=True):
    """What a device should have; what isn't named stays as it is."""

    model: Wanted | None = None
    software: Wanted | None = None

    def of(self, kind: Kind) -> Wanted | None:
        """Return what is wanted of a kind."""
        return self.model if kind == "model" else self.software


def read_desired(path: Path) -> Desired:
    """Read the file; without one nothing is wanted.

    Raises:
        EdgeError: it can't be read, or says something that isn't understood.
    """
    return _checked(read_toml(path, Desired), str(path)) if path.exists() else Desired()


def parse_desired(raw: bytes, topic: str) -> Desired:
    """Read a message; an empty one wants nothing.

    A message isn't signed: it may name what is signed, and never ask for less.

    Raises:
        EdgeError: it says something that isn't understood; ``topic`` is named.
    """
    if not raw.strip():
        return Desired()
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EdgeError(f"{topic}: no JSON ({error})") from error
    found = _checked(convert(content, Desired, topic), topic)
    for kind in KINDS:
        wanted = found.of(kind)
        if wanted is not None and wanted.allow_downgrade:
            raise EdgeError(
                f"{topic}: a message can't allow a downgrade; publish the old content with a higher version"
            )
        if wanted is not None and not wanted.url.startswith(("https://", "http://")):
            raise EdgeError(f"{topic}: url must be https://, not {wanted.url!r}")
    return found


def merged(*sources: Desired) -> Desired:
    """Return what counts: for each kind the first of the sources that names it."""
    first = {kind: next((found for source in sources if (found := source.of(kind))), None) for kind in KINDS}
    return Desired(first["model"], first["software"])


def _checked(desired: Desired, where: str) -> Desired:
    for kind in KINDS:
        wanted = desired.of(kind)
        if wanted is not None:
            try:
                numbers(wanted.version)
            except EdgeError as error:
                raise EdgeError(f"{where}: {error}") from error
    return desired
