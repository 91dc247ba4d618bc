"""``/etc/edge-run/update.toml``: how a device takes its updates."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from edge.errors import EdgeError
from edge.schema import Strict

Record = TypeVar("Record")


class UpdateSettings(Strict, frozen=True, kw_only=True):
    """How a device takes its updates.

    Attributes:
        trial_seconds: how long a new version is measured before it is switched to.
        baseline_seconds: how long the present one is measured to compare it with.
        least_share: share of the present one's frames a second that it must reach.
        memory_mb: memory that it may use, MiB.
        confirm_seconds: how long the service must then run without a fault.
        keep: versions kept, the active one among them.
        max_mb: largest update, MB.
        allow_http: fetch over connections that anybody can read and hold up.
        listen: look for the desired version at the broker that edge-run.toml names, and report there.
    """

    trial_seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    baseline_seconds: Annotated[float, Meta(ge=1, le=3600)] = 20.0
    least_share: Annotated[float, Meta(ge=0, le=1)] = 0.8
    memory_mb: Annotated[int, Meta(ge=64)] = 512
    confirm_seconds: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    keep: Annotated[int, Meta(ge=2, le=20)] = 2
    max_mb: Annotated[float, Meta(gt=0, le=100_000)] = 1000.0
    allow_http: bool = False
    listen: bool = True


def read_settings(path: Path) -> UpdateSettings:
    """Read the file; without one the defaults count.

    Raises:
        EdgeError: it can't be read, or says something that isn't understood.
    """
    return read_toml(path, UpdateSettings) if path.exists() else UpdateSettings()


def read_toml(path: Path, kind: type[Record]) -> Record:
    """Read a TOML file into a record.

    Raises:
        EdgeError: unreadable, no TOML, an unknown key (the nearest known one is told), or a value that doesn't fit.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise EdgeError(f"cannot read {path}: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise EdgeError(f"{path} is no valid TOML: {error}") from error
    return convert(content, kind, str(path))


def convert(content: Any, kind: type[Record], where: str) -> Record:
    """Make a record of plain values.

    Raises:
        EdgeError: they don't fit; ``where`` and the key are named.
    """
    known = getattr(kind, "__struct_fields__", ())
    for key in content if isinstance(content, dict) else ():
        if key not in known:
            raise EdgeError(f"{where}: unknown key {key!r}{_nearest(key, known)}")
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise EdgeError(f"{where}: {error}") from error


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
