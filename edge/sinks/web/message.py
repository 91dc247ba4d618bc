"""What a browser is sent: the length of a JSON text, the text, and the picture it was computed from."""

from __future__ import annotations

import dataclasses
import functools
import struct
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.types import Result

#: The longer side of a picture that is sent, pixels; larger frames are reduced to it.
LONGEST = 1280

_QUALITY = 80


@dataclasses.dataclass(frozen=True)
class Message:
    """One frame for all browsers.

    Attributes:
        text: JSON.
        jpeg: the picture; empty where nobody wants it.
    """

    text: bytes
    jpeg: bytes = b""

    def packed(self, picture: bool) -> bytes:
        """Return the bytes for a browser that wants the picture or doesn't."""
        return self._whole if picture and self.jpeg else self._bare

    @functools.cached_property
    def _bare(self) -> bytes:
        return struct.pack("<I", len(self.text)) + self.text

    @functools.cached_property
    def _whole(self) -> bytes:
        return self._bare + self.jpeg


def frame_message(result: Result, event: bytes, picture: bool) -> Message:
    """Return the message of a frame.

    Args:
        result: of the frame.
        event: its event as JSON (:func:`edge.events.encode`).
        picture: whether anybody wants to see it.
    """
    height, width = result.frame.image.shape[:2]
    content = {
        "event": msgspec.Raw(event),
        "size": [width, height],
        "landmarks": [[[round(v, 1) for v in point] for point in r.face.landmarks] for r in result.readings],
    }
    return Message(msgspec.json.encode(content), jpeg(result.frame.image) if picture else b"")


def status_message(content: dict[str, Any]) -> Message:
    """Return a message without a frame."""
    return Message(msgspec.json.encode(content))


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """Encode a BGR picture ``[H, W, 3]``, reduced to at most :data:`LONGEST` pixels on its longer side."""
    height, width = image.shape[:2]
    scale = LONGEST / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Down to half the size, bilinear skips no pixel, and takes a fifth of the time.
        method = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
        image = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(data)
