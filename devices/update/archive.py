"""The file of an update: a plain tar, ``update.json`` first, then the files that it lists, all beside each other.

Uncompressed: wheels and int8 weights hardly shrink, and nothing that could grow is unpacked before its signature is
known. The same content gives the same bytes.
"""

from __future__ import annotations

import calendar
import contextlib
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import IO

from devices.durable import flush
from devices.update.manifest import NAME, Entry, Update, encode, parse
from edge.errors import EdgeError
from edge.files import replacing

#: Longest ``update.json``, bytes.
_LONGEST = 1 << 20
_BLOCK = 1 << 20


def write_archive(out: Path, update: Update, sources: Mapping[str, Path]) -> None:
    """Write an update; ``sources`` says where each of its files lies.

    Raises:
        EdgeError: not writable, or a file isn't the one that is listed.
    """
    moment = calendar.timegm(time.strptime(update.created, "%Y-%m-%dT%H:%M:%SZ"))
    content = encode(update)
    with replacing(out) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(_member(NAME, len(content), moment), io.BytesIO(content))
        for entry in update.files:
            with sources[entry.name].open("rb") as file:
                archive.addfile(_member(entry.name, entry.size, moment), file)


def read_manifest(file: Path) -> Update:
    """Return what an update says about itself.

    Raises:
        EdgeError: it is no update, or a damaged one.
    """
    with contextlib.closing(_members(file)) as members:
        return parse(next(members)[1].read(_LONGEST), f"{NAME} of {file.name}")


def unpack(file: Path, update: Update, folder: Path) -> None:
    """Write the files of an update into a folder, which must be there, and flush them.

    Nothing but regular files that ``update.json`` lists is taken, each once, with its very size and hash.

    Raises:
        EdgeError: the archive holds something else, or not all; or the disk is full.
    """
    expected = {entry.name: entry for entry in update.files}
    members = _members(file)
    next(members)
    try:
        for member, content in members:
            entry = expected.pop(member.name, None)
            if entry is None:
                raise EdgeError(f"{file.name} holds {member.name!r}, which its {NAME} does not list, or holds it twice")
            if member.size != entry.size:
                raise EdgeError(f"{file.name}: {entry.name} has {member.size} bytes, listed are {entry.size}")
            _take(content, entry, folder / entry.name, file.name)
        flush(folder)
    except OSError as error:
        raise EdgeError(f"cannot unpack {file.name} into {folder}: {error.strerror}") from error
    if expected:
        raise EdgeError(f"{file.name} lacks {', '.join(sorted(expected))}; get it again")


def _take(content: IO[bytes], entry: Entry, path: Path, archive: str) -> None:
    hashed = hashlib.sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as out:
        while block := content.read(_BLOCK):
            hashed.update(block)
            out.write(block)
        out.flush()
        os.fsync(handle)
    if hashed.hexdigest() != entry.sha256:
        raise EdgeError(f"{archive}: {entry.name} is not what its {NAME} describes; get it again")


def _members(file: Path) -> Generator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Yield what an archive holds, the first being ``update.json``; anything but a regular file is refused."""
    try:
        # Format USTAR has no sparse files and no long names: what isn't in it comes from another program.
        with tarfile.open(file, "r:") as archive:
            first = True
            while (member := archive.next()) is not None:
                content = archive.extractfile(member) if member.isreg() and not member.issparse() else None
                if content is None:
                    raise EdgeError(f"{file.name} holds {member.name!r}, which is no regular file")
                if first != (member.name == NAME):
                    raise EdgeError(f"{file.name} must begin with {NAME}, and hold it once")
                first = False
                yield member, content
            if first:
                raise EdgeError(f"{file.name} is empty; it must begin with {NAME}")
    except tarfile.TarError as error:
        raise EdgeError(f"{file.name} is no update, or a damaged one: {error}") from error


def _member(name: str, size: int, moment: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, moment, 0o644
    return member
