"""Public keys, in the format of minisign: who may sign updates. Reading them needs no cryptography."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

import msgspec

from edge.errors import EdgeError

#: Begins the first line of every file of minisign.
UNTRUSTED = b"untrusted comment: "

#: Longer is no key and no signature.
LONGEST = 4096


class PublicKey(msgspec.Struct, frozen=True):
    """Who may sign.

    Attributes:
        id: eight bytes that tell keys apart.
        key: Ed25519, 32 bytes.
        name: of its file.
    """

    id: bytes
    key: bytes
    name: str = ""

    @property
    def words(self) -> str:
        """The id as the tool prints it."""
        return f"{int.from_bytes(self.id, 'little'):016X}"


def read_keys(folder: Path) -> list[PublicKey]:
    """Read the public keys (``*.pub``) in a folder.

    Raises:
        EdgeError: there is none, or one is damaged: a key that somebody meant to trust is never left out in silence.
    """
    found = [read_public(path) for path in sorted(folder.glob("*.pub"))] if folder.is_dir() else []
    if not found:
        raise EdgeError(f"no key in {folder}, so no update is trusted; copy the public key of who signs them there")
    return found


def read_public(path: Path) -> PublicKey:
    """Read a public key.

    Raises:
        EdgeError: not readable, or no key.
    """
    lines = read(path, "public key").strip().splitlines()
    body = decoded(lines[-1].strip()) if lines else b""
    if len(body) != 42 or body[:2] != b"Ed":
        raise EdgeError(f"{path} is no public key of minisign; make one with: edge-device update keygen")
    return PublicKey(body[2:10], body[10:], path.name)


def write_public(key: PublicKey) -> bytes:
    """Return the content of a public key's file."""
    body = base64.b64encode(b"Ed" + key.id + key.key)
    return UNTRUSTED + f"minisign public key {key.words}\n".encode() + body + b"\n"


def read(path: Path, what: str) -> bytes:
    """Return the content of a small file; ``what`` says what it should be.

    Raises:
        EdgeError: not readable.
    """
    try:
        with path.open("rb") as file:
            return file.read(LONGEST)
    except OSError as error:
        raise EdgeError(f"cannot read the {what} {path}: {error.strerror}") from error


def decoded(line: bytes) -> bytes:
    """Return what a line of base64 says; nothing where it is none."""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        return b""
