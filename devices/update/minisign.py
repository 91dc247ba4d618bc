"""Signatures in the format of minisign (https://jedisct1.github.io/minisign/), whose tool can sign and check them too.

Ed25519 of the file's BLAKE2b-512 (the tool's default since 0.10, algorithm ``ED``), and once more of that signature and
its trusted comment. The cryptography is libsodium's, through PyNaCl.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from pathlib import Path

import msgspec

from devices.update.keys import LONGEST, UNTRUSTED, PublicKey, decoded, read
from edge.errors import EdgeError, NotInstalledError

try:
    import nacl.bindings as sodium
    from nacl.exceptions import BadSignatureError
    from nacl.pwhash import scrypt
except ImportError as _missing:
    raise NotInstalledError(
        "updates need PyNaCl, which is not installed: pip install 'emot-edge[update]'"
    ) from _missing

#: Salt, work and memory of the function that makes a key of a password: ``crypto_pwhash_scryptsalsa208sha256`` of
#: libsodium, its ``SENSITIVE`` limits, as the tool asks for them (1 GiB, a few seconds).
_OPERATIONS, _MEMORY = 1 << 25, 1 << 30

_TRUSTED = b"trusted comment: "


class SecretKey(msgspec.Struct, frozen=True):
    """What signs.

    Attributes:
        id: eight bytes.
        key: Ed25519 as libsodium keeps it: seed and public key, 64 bytes.
    """

    id: bytes
    key: bytes

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return PublicKey(self.id, self.key[32:])


class Signature(msgspec.Struct, frozen=True):
    """What stands in a ``.minisig`` file.

    Attributes:
        id: of the key that it names.
        signature: of the file's hash, 64 bytes.
        comment: the trusted one.
        seal: signature of ``signature`` and ``comment``, 64 bytes.
    """

    id: bytes
    signature: bytes
    comment: bytes
    seal: bytes


def generate() -> SecretKey:
    """Return a new key."""
    _, secret = sodium.crypto_sign_keypair()
    return SecretKey(os.urandom(8), secret)


def digest(file: Path) -> bytes:
    """Return what is signed: the BLAKE2b-512 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "blake2b").digest()


def sign(file: Path, key: SecretKey, comment: str) -> bytes:
    """Return the content of the signature file.

    Args:
        file: what is signed.
        key: whose word it is.
        comment: one line, which is signed as well.
    """
    trusted = " ".join(comment.split()).encode()
    signature = _sign(digest(file), key)
    seal = _sign(signature + trusted, key)
    lines = (
        UNTRUSTED + f"signature by key {key.public.words}".encode(),
        base64.b64encode(b"ED" + key.id + signature),
        _TRUSTED + trusted,
        base64.b64encode(seal),
    )
    return b"\n".join(lines) + b"\n"


def verify(file: Path, raw: bytes, keys: list[PublicKey]) -> tuple[PublicKey, str]:
    """Return the key that signed a file, and the trusted comment.

    Args:
        file: what was signed.
        raw: content of the signature file.
        keys: who may sign.

    Raises:
        EdgeError: none of them did.
    """
    given = parse_signature(raw, file.name)
    known = [key for key in keys if key.id == given.id]
    if not known:
        name = PublicKey(given.id, b"").words
        raise EdgeError(f"{file.name} is signed by key {name}, which is none of the {len(keys)} trusted here")
    hashed = digest(file)
    for key in known:
        if _is_signed(hashed, given.signature, key) and _is_signed(given.signature + given.comment, given.seal, key):
            return key, given.comment.decode(errors="replace")
    raise EdgeError(f"{file.name} is not what was signed: damaged or changed; get it again")


def parse_signature(raw: bytes, name: str) -> Signature:
    """Read the content of a signature file; ``name`` is that of the file it belongs to.

    Raises:
        EdgeError: it is none, or one of the old kind, which needs the whole file in memory.
    """
    lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    good = len(raw) <= LONGEST and len(lines) == 4 and lines[0].startswith(UNTRUSTED)
    if good and lines[2].startswith(_TRUSTED):
        body, seal = decoded(lines[1]), decoded(lines[3])
        if len(body) == 74 and len(seal) == 64 and body[:2] in (b"ED", b"Ed"):
            if body[:2] == b"Ed":
                raise EdgeError(f"the signature of {name} is of the old kind; sign it again, without minisign -l")
            return Signature(body[2:10], body[10:], lines[2][len(_TRUSTED) :], seal)
    raise EdgeError(f"the signature of {name} is damaged, or no signature; get it again")


def needs_password(path: Path) -> bool:
    """Say whether a secret key is protected.

    Raises:
        EdgeError: not readable, or no key.
    """
    return _secret(path)[2:4] == b"Sc"


def read_secret(path: Path, password: str = "") -> SecretKey:
    """Read a secret key.

    Raises:
        EdgeError: not readable, no key, or another password.
    """
    body = _secret(path)
    salt, operations, memory = body[6:38], *struct.unpack("<QQ", body[38:54])
    content = body[54:]
    if body[2:4] == b"Sc":
        content = _covered(content, password, salt, operations, memory)
    id, key, proof = content[:8], content[8:72], content[72:]
    if hashlib.blake2b(b"Ed" + id + key, digest_size=32).digest() != proof:
        wrong = "the password is another one" if body[2:4] == b"Sc" else "it is damaged"
        raise EdgeError(f"{path} can't be used: {wrong}")
    return SecretKey(id, key)


def write_secret(key: SecretKey, password: str = "") -> bytes:
    """Return the content of a secret key's file; without a password who has the file can sign."""
    content = key.id + key.key + hashlib.blake2b(b"Ed" + key.id + key.key, digest_size=32).digest()
    if password:
        salt = os.urandom(32)
        content = _covered(content, password, salt, _OPERATIONS, _MEMORY)
        head = b"EdScB2" + salt + struct.pack("<QQ", _OPERATIONS, _MEMORY)
    else:
        head = b"Ed\0\0B2" + bytes(48)
    return UNTRUSTED + b"minisign encrypted secret key\n" + base64.b64encode(head + content) + b"\n"


def _covered(content: bytes, password: str, salt: bytes, operations: int, memory: int) -> bytes:
    if operations > _OPERATIONS or memory > _MEMORY:
        raise EdgeError("this secret key asks for more work than any that minisign makes")
    cover = scrypt.kdf(len(content), password.encode(), salt, operations, memory)
    return bytes(one ^ other for one, other in zip(content, cover, strict=True))


def _secret(path: Path) -> bytes:
    lines = read(path, "secret key").strip().splitlines()
    body = decoded(lines[-1].strip()) if lines else b""
    if len(body) != 158 or body[:2] != b"Ed" or body[2:4] not in (b"Sc", b"\0\0") or body[4:6] != b"B2":
        raise EdgeError(f"{path} is no secret key of minisign; make one with: edge-device update keygen")
    return body


def _sign(message: bytes, key: SecretKey) -> bytes:
    return bytes(sodium.crypto_sign(message, key.key)[:64])


def _is_signed(message: bytes, signature: bytes, key: PublicKey) -> bool:
    try:
        sodium.crypto_sign_open(signature + message, key.key)
    except BadSignatureError:
        return False
    return True
