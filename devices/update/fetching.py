"""Getting an update and its signature to where nobody else can change them: by copy, or by a download that resumes."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from devices.durable import write
from devices.update.manifest import SIGNATURE, SUFFIX, is_plain, signature_of
from edge.errors import EdgeError

#: Seconds without a byte after which a server counts as gone.
PATIENCE = 30.0

#: How often one call goes on with a download that broke off.
ATTEMPTS = 5

_BLOCK = 1 << 18
_LONGEST_SIGNATURE = 4096


def fetch(
    source: str, staging: Path, *, most: int, allow_http: bool = False, say: Callable[[str], None] = lambda text: None
) -> tuple[Path, bytes]:
    """Return a private copy of an update, and the content of its signature file.

    Args:
        source: a file, a folder with one update in it, or a URL. The signature is beside it, ``.minisig`` added.
        staging: where the copy goes.
        most: bytes it may have.
        allow_http: take it over a connection that isn't protected.
        say: told what goes on.

    Raises:
        EdgeError: it isn't there, is too big, or can't be had or kept.
    """
    try:
        staging.mkdir(parents=True, exist_ok=True)
        staging.chmod(0o700)
        if "://" in source:
            return _Download(source, staging, most, allow_http, say).run()
        return _copy(_file(Path(source)), staging, most)
    except OSError as error:
        raise EdgeError(f"cannot copy {source} to {staging}: {error.strerror or error}") from error


def _file(path: Path) -> Path:
    """Return the update that a path means."""
    if not path.is_dir():
        return path
    found = sorted(path.glob(f"*{SUFFIX}"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found)
    raise EdgeError(f"{path} holds {f'several updates ({names}); name one' if found else f'no update (*{SUFFIX})'}")


def _copy(file: Path, staging: Path, most: int) -> tuple[Path, bytes]:
    signature = signature_of(file)
    if not file.is_file():
        raise EdgeError(f"{file} is not there; give a file, a folder or a URL")
    if not signature.is_file():
        raise EdgeError(f"{signature} is not there; an update without its signature is not taken")
    copy = staging / _plain(file.name)
    with file.open("rb") as content, signature.open("rb") as signed:
        size = os.fstat(content.fileno()).st_size
        _bound(size, most, file.name)
        _room(staging, size)
        with copy.open("wb") as out:
            shutil.copyfileobj(_Bounded(content, most, file.name), out, _BLOCK)
        return copy, signed.read(_LONGEST_SIGNATURE + 1)


class _Download:
    """One download: what came so far is kept, and gone on with if the server still has the same."""

    def __init__(self, url: str, staging: Path, most: int, allow_http: bool, say: Callable[[str], None]) -> None:
        parts = urlsplit(url)
        allowed = ("https", "http") if allow_http else ("https",)
        if parts.scheme not in allowed or not parts.hostname:
            more = "; over http others see and can hold up what comes: --allow-http" if parts.scheme == "http" else ""
            raise EdgeError(f"{url}: an update comes by https:// or from a file{more}")
        if parts.username:
            raise EdgeError("a URL with a password in it would be written into logs; use one without")
        self._url = url
        self._signature = parts._replace(path=parts.path + SIGNATURE).geturl()
        self._most = most
        self._say = say
        self._name = _plain(unquote(parts.path).rpartition("/")[2])
        stem = hashlib.sha256(url.encode()).hexdigest()[:16]
        self._part, self._tag = staging / f"{stem}.part", staging / f"{stem}.tag"
        self._opener = urllib.request.build_opener(_Redirects(allowed))

    def run(self) -> tuple[Path, bytes]:
        """Download signature and update; the small one first, since without it the other is of no use."""
        with self._open(self._signature, {}) as answer:
            signature = answer.read(_LONGEST_SIGNATURE + 1)
        for attempt in range(ATTEMPTS):
            before = self._so_far()
            try:
                self._go_on()
                break
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and error.errno in _OURS:
                    raise
                # What moved forward is worth another try at once; the timer comes back for the rest.
                if self._so_far() == before or attempt == ATTEMPTS - 1:
                    raise EdgeError(f"{self._url}: broke off ({_words(error)}); what came is kept") from error
        file = self._part.with_name(self._name)
        self._part.replace(file)
        self._tag.unlink(missing_ok=True)
        return file, signature

    def _go_on(self) -> None:
        offset, tag = self._so_far(), self._tag.read_text() if self._tag.exists() else ""
        # If-Range: a server that has another file by now sends all of it.
        headers = {"Range": f"bytes={offset}-", "If-Range": tag} if offset and tag else {}
        with self._open(self._url, headers) as answer:
            if answer.status != 206:
                offset = 0
                self._part.unlink(missing_ok=True)
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                raise EdgeError(f"{self._url}: the server sent another part than asked for")
            length = int(answer.headers.get("Content-Length") or 0)
            _bound(offset + length, self._most, self._url)
            _room(self._part.parent, length)
            # Only a strong tag names bytes (RFC 9110, 13.1.5).
            new = answer.headers.get("ETag") or ""
            write(self._tag, ("" if new.startswith("W/") else new).encode(), 0o600)
            self._say(f"downloading {self._name}, {(offset + length) / 1e6:.1f} MB" + (", resumed" if offset else ""))
            got = offset
            with self._part.open("ab") as out:
                while block := answer.read(_BLOCK):
                    got += len(block)
                    _bound(got, self._most, self._url)
                    out.write(block)
            if length and got < offset + length:
                raise http.client.IncompleteRead(b"", offset + length - got)

    @contextlib.contextmanager
    def _open(self, url: str, headers: dict[str, str]) -> Iterator[Any]:
        request = urllib.request.Request(url, headers={"User-Agent": "edge-device", **headers})
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing is left to send: what is kept can't be a part of it
                self._part.unlink(missing_ok=True)
            raise EdgeError(f"{url}: the server says {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            raise EdgeError(f"{url}: {_words(error.reason)}; check the address and the network") from error

    def _so_far(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to no scheme that isn't allowed: ``file:`` or, from https, http."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed

    def redirect_request(self, request: Any, *rest: Any) -> Any:
        if urlsplit(rest[-1]).scheme not in self._allowed:
            raise EdgeError(f"{request.full_url} leads to {rest[-1]}, which is not protected")
        return super().redirect_request(request, *rest)


class _Bounded(io.RawIOBase):
    """Reads a file that may grow meanwhile, and no more than it may have."""

    def __init__(self, file: IO[bytes], most: int, name: str) -> None:
        self._file, self._most, self._name, self._read = file, most, name, 0

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._read += len(block)
        _bound(self._read, self._most, self._name)
        return block


#: Faults of this device's disk, which no other attempt mends: EIO, ENOSPC, EROFS, EDQUOT.
_OURS = (5, 28, 30, 122)


def _bound(size: int, most: int, name: str) -> None:
    if size > most:
        raise EdgeError(f"{name} has more than {most / 1e6:.0f} MB, the most that is taken (max_mb in update.toml)")


def _room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise EdgeError(f"{folder} has {free / 1e6:.1f} MB free, {size / 1e6:.1f} MB are needed; make room")


def _plain(name: str) -> str:
    if not is_plain(name) or not name.endswith(SUFFIX):
        raise EdgeError(f"{name!r} is no name of an update; they end in {SUFFIX}")
    return name


def _words(error: object) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
