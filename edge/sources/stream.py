"""Network streams: RTSP, HTTP and whatever else the FFmpeg inside OpenCV knows. Passwords stay out of every name."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import cv2

from edge.sources.capture import CaptureDevice, quieten
from edge.sources.device import Device, UnavailableError
from edge.sources.options import SourceOptions

#: Ports of schemes whose URL names none.
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}

#: Keys of a query whose values are not repeated.
_SECRET = re.compile(r"(?i)([?&;][^=&;]*(?:pass|pwd|pw|token|key|secret|auth|user|usr|login|sig)[^=&;]*=)[^&;#]*")

#: Seconds for finding out why a stream didn't open.
_PROBE = 2.0


def redacted(url: str) -> str:
    """Return a URL without user name, password, and whatever looks like a secret in its query.

    A text that is no URL comes back as it is.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in host:
        rest = host.rpartition("@")[2] + rest[len(host) :]
    elif "@" in rest and not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d+)?", host):
        # A password with a slash in it ends what looks like the host; what stands before the last @ is not shown.
        rest = rest.rpartition("@")[2]
    return scheme + separator + _SECRET.sub(r"\1...", rest)


def stream_opening(url: str, options: SourceOptions) -> Callable[[], Device]:
    """Return what opens a stream, now and after a loss. RTSP runs over TCP where the server offers it."""

    def opening() -> Device:
        quieten()
        # Not every OpenCV asks for this by itself; over UDP, lost packets smear the picture.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_flags;prefer_tcp")
        milliseconds = round(options.stall_timeout * 1000)
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
        if not capture.isOpened():
            capture.release()
            raise UnavailableError(
                "stream",
                redacted(url),
                why_closed(url),
                "check the URL and that the camera sends, or try it in a player",
            )
        return CaptureDevice(capture, stall_timeout=options.stall_timeout, rotation=options.rotation)

    return opening


def why_closed(url: str) -> str:
    """Return in a few words why a stream didn't open: FFmpeg tells OpenCV nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "its host or port is not written as a URL has it"
    if not host or not port:
        return "nobody there, or not a stream"
    try:
        socket.create_connection((host, port), timeout=_PROBE).close()
    except socket.gaierror:
        return f"no host is called {host}"
    except ConnectionRefusedError:
        return f"{host} refuses connections on port {port}"
    except OSError:
        return f"{host} doesn't answer on port {port}"
    return f"{host} answers on port {port} but sends no video (another path, or a password)"
