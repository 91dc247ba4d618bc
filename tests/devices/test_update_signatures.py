"""Signatures and keys, against the tool whose format they have."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from devices.update import minisign
from devices.update.keys import read_keys, read_public, write_public
from edge.errors import EdgeError

TOOL = shutil.which("minisign")
#: Made by minisign 0.11 for this test; its password is "word". It signs nothing that anybody trusts.
PROTECTED = (
    "RWRTY0IyEHZsJNmYLB1KG9PFvJ6672DWTjghDvUHMpVjOTgyEQAAAAACAAAAAAAAAEAAAAAARSFiaPEj2J7fCF3obLK03seh24LLKC+g"
    "l/RSHYM5834F7CUWvFYfh6lnHI8Ru5Q8TAK1eEdc2aj+58/oFCgyCYp4r68RqsIlha8+Uj/rI1Ns8ylj66sMU8nrn4nV40vfRnKlan/t7eU="
)
ITS_PUBLIC_KEY = "RWRGoYDbvJc9zxP8gakZu67GjfDix78C4idjeY7tOLHsUzEkaCockryv"
needs_tool = pytest.mark.skipif(TOOL is None, reason="minisign is not installed")


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, minisign.SecretKey]:
    """A file, its signature, and both keys beside it."""
    file, key = tmp_path / "file", minisign.generate()
    file.write_bytes(b"content" * 10_000)
    (tmp_path / "k.pub").write_bytes(write_public(key.public))
    (tmp_path / "k.key").write_bytes(minisign.write_secret(key))
    (tmp_path / "file.minisig").write_bytes(minisign.sign(file, key, "model m 1.0"))
    return file, key


def tool(*arguments: object, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["minisign", *map(str, arguments)], input=typed, capture_output=True, text=True, timeout=60)


@needs_tool
def test_the_tool_accepts_our_signature_and_we_its(signed: tuple[Path, minisign.SecretKey]) -> None:
    file, key = signed
    folder = file.parent
    done = tool("-V", "-m", file, "-p", folder / "k.pub")
    assert done.returncode == 0, done.stderr
    assert "Trusted comment: model m 1.0" in done.stdout
    (folder / "file.minisig").unlink()
    assert tool("-S", "-W", "-s", folder / "k.key", "-m", file, "-t", "by the tool").returncode == 0
    signature = (folder / "file.minisig").read_bytes()
    assert minisign.verify(file, signature, read_keys(folder)) == (
        read_public(folder / "k.pub"),
        "by the tool",
    )
    assert (
        key.public.words
        in done.stdout
        + tool("-R", "-s", folder / "k.key", "-p", folder / "again.pub").stdout
        + (folder / "k.pub").read_text()
    )


@needs_tool
def test_the_tool_refuses_what_we_refuse(signed: tuple[Path, minisign.SecretKey]) -> None:
    file, _ = signed
    file.write_bytes(file.read_bytes() + b"!")
    assert tool("-V", "-m", file, "-p", file.parent / "k.pub").returncode != 0
    with pytest.raises(EdgeError, match="not what was signed"):
        minisign.verify(file, (file.parent / "file.minisig").read_bytes(), read_keys(file.parent))


def test_a_key_that_the_tool_protected_with_a_password(tmp_path: Path) -> None:
    secret, public = tmp_path / "t.key", tmp_path / "t.pub"
    secret.write_text(f"untrusted comment: minisign encrypted secret key\n{PROTECTED}\n")
    public.write_text(f"untrusted comment: minisign public key\n{ITS_PUBLIC_KEY}\n")
    assert minisign.needs_password(secret)
    assert minisign.read_secret(secret, "word").public.key == read_public(public).key


def test_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minisign, "_OPERATIONS", 1 << 15)
    monkeypatch.setattr(minisign, "_MEMORY", 1 << 24)
    path, key = tmp_path / "k.key", minisign.generate()
    path.write_bytes(minisign.write_secret(key, "word"))
    assert minisign.needs_password(path)
    assert minisign.read_secret(path, "word") == key
    for wrong in ("other", ""):
        with pytest.raises(EdgeError, match="the password is another one"):
            minisign.read_secret(path, wrong)
    monkeypatch.setattr(minisign, "_MEMORY", 1 << 23)
    with pytest.raises(EdgeError, match="more work than any"):
        minisign.read_secret(path, "word")


@needs_tool
def test_the_old_kind_of_signature(signed: tuple[Path, minisign.SecretKey]) -> None:
    file, _ = signed
    assert tool("-S", "-W", "-l", "-s", file.parent / "k.key", "-m", file).returncode == 0
    with pytest.raises(EdgeError, match="without minisign -l"):
        minisign.verify(file, (file.parent / "file.minisig").read_bytes(), read_keys(file.parent))


def test_every_byte_of_a_signature_counts(signed: tuple[Path, minisign.SecretKey]) -> None:
    file, _ = signed
    keys = read_keys(file.parent)
    lines = (file.parent / "file.minisig").read_bytes().splitlines()
    assert minisign.verify(file, b"\r\n".join(lines), keys), "mail and Windows end lines so"
    for number in (1, 3):
        body = bytearray(base64.b64decode(lines[number]))
        for position in range(len(body)):
            changed = bytes(body[:position]) + bytes([body[position] ^ 1]) + bytes(body[position + 1 :])
            forged = [*lines]
            forged[number] = base64.b64encode(changed)
            with pytest.raises(EdgeError):
                minisign.verify(file, b"\n".join(forged), keys)


@pytest.mark.parametrize("content", [b"", b"x", b"untrusted comment: x\n!!!!\n", b"untrusted comment: x\nUldRRg==\n"])
def test_files_that_are_no_keys(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pub"
    path.write_bytes(content)
    with pytest.raises(EdgeError, match="is no public key"):
        read_public(path)
    with pytest.raises(EdgeError, match="is no secret key"):
        minisign.read_secret(path)
    with pytest.raises(EdgeError, match="is no public key"):
        read_keys(tmp_path)
