"""What the bytes of a picture say about it before anybody decodes it: its size, and whether its end is there.

OpenCV decodes a file that was cut off (a broken download, a full disk) without complaint and fills what is missing with
gray. A network learns from it all the same, so the end has to be looked for.
"""

from __future__ import annotations

import dataclasses

_PNG = b"\x89PNG\r\n\x1a\n"
#: JPEG start-of-frame markers (ITU-T T.81, table B.1): C0..CF but DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclasses.dataclass(frozen=True)
class Header:
    """Size in pixels as stored (before any EXIF rotation), and whether the file's end marker is there."""

    width: int
    height: int
    complete: bool


def read_header(data: bytes) -> Header | None:
    """Read a JPEG's or PNG's structure; None for other formats, and where the start itself is damaged."""
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    return None


def _png(data: bytes) -> Header | None:
    """Walk the chunks (length, type, content, CRC) to ``IEND``."""
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    at = len(_PNG)
    while at + 12 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return Header(width, height, True)
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return Header(width, height, False)


def _jpeg(data: bytes) -> Header | None:
    """Walk the segments to the first scan, then look for the end marker.

    Coded data never holds ``FF D9`` but as the end, so what is found after the scan began is no thumbnail's end.
    """
    at, size = 2, (0, 0)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _FRAMES and at + 9 <= len(data):
            size = int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        if marker == 0xDA:
            return Header(*size, data.find(b"\xff\xd9", at) >= 0)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return Header(*size, False) if all(size) else None
