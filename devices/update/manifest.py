"""``update.json``: what an update says about itself."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from devices.update.places import Kind
from edge.errors import EdgeError
from edge.schema import Strict

#: Version of ``update.json``.
SCHEMA = 1

#: Its name in an update.
NAME = "update.json"

#: Ends the names of updates and of their signatures.
SUFFIX = ".edgeupdate"
SIGNATURE = ".minisig"

#: Names of updates and of the files in them: nothing that a path, a shell or a topic would read otherwise.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,199}")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}")


class Entry(Strict, frozen=True):
    """A file of an update.

    Attributes:
        name: without a folder.
        sha256: of its content, hexadecimal.
        size: bytes.
    """

    name: str
    sha256: str
    size: int


class Update(Strict, frozen=True):
    """What an update says about itself; the signature covers it.

    Attributes:
        kind: what it updates.
        name: of the model, or ``emot-edge``.
        version: numbers separated by dots. A device goes from lower to higher ones.
        created: when, UTC: ``2026-11-25T15:00:00Z``.
        files: all of them.
        requires: least version of emot-edge that can use a model; empty: any.
        machines: as ``uname -m`` says them; empty: any.
        pythons: ``3.11``, for which the wheels are; empty: any.
        notes: for people.
        schema: version of this record.
    """

    kind: Kind
    name: str
    version: str
    created: str
    files: tuple[Entry, ...]
    requires: str = ""
    machines: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    notes: str = ""
    schema: int = SCHEMA

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    @property
    def title(self) -> str:
        """For messages: ``model ferplus 1.2``."""
        return f"{self.kind} {self.name} {self.version}"


def parse(raw: bytes, where: str) -> Update:
    """Validate the bytes of an ``update.json``.

    Raises:
        EdgeError: not valid, or made for a later schema; ``where`` is named.
    """
    try:
        schema = msgspec.json.decode(raw, type=dict).get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise EdgeError(f"{where} has schema {schema}, known here is {SCHEMA}; update the software first")
        update = msgspec.json.decode(raw, type=Update)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EdgeError(f"{where} is no valid {NAME}: {error}") from error
    check(update, where)
    return update


def check(update: Update, where: str) -> None:
    """Hold an update's words to what they may be.

    Raises:
        EdgeError: a name, version or size that can't be.
    """
    numbers(update.version)
    if update.requires:
        numbers(update.requires)
    names = [entry.name for entry in update.files]
    for name in (update.name, *names):
        if not is_plain(name):
            raise EdgeError(f"{where}: {name!r} is no plain name; letters, digits, . _ + - are")
    if len(set(names)) != len(names) or not names:
        raise EdgeError(f"{where}: it must list one file or more, each once")
    for entry in update.files:
        if entry.size < 0 or not re.fullmatch("[0-9a-f]{64}", entry.sha256):
            raise EdgeError(f"{where}: the entry of {entry.name} has no valid size or sha256")


def encode(update: Update) -> bytes:
    """Return an update's ``update.json``."""
    return msgspec.json.format(msgspec.json.encode(update), indent=2) + b"\n"


def is_plain(name: str) -> bool:
    """Say whether a name is one of a file and nothing else."""
    return _PLAIN.fullmatch(name) is not None


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as what can be compared: ``1.2`` and ``1.2.0`` are the same.

    Raises:
        EdgeError: it isn't made of numbers.
    """
    if not _VERSION.fullmatch(version):
        raise EdgeError(f"version {version!r}: give one to four numbers with dots between them, such as 1.4.0")
    found = [int(part) for part in version.split(".")]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def lower(one: str, other: str) -> bool:
    """Say whether a version is lower than another; one that isn't made of numbers can't be compared."""
    try:
        return numbers(one) < numbers(other)
    except EdgeError:
        return False


def same(one: str, other: str) -> bool:
    """Say whether two versions are the same."""
    try:
        return numbers(one) == numbers(other)
    except EdgeError:
        return one == other


def file_name(update: Update) -> str:
    """Return the name that an update's file has."""
    return f"{update.name}-{update.version}{SUFFIX}"


def signature_of(file: Path) -> Path:
    """Return where the signature of an update lies: beside it."""
    return file.with_name(file.name + SIGNATURE)
