"""Cameras on the loopback that do what a test tells them: play, stall, end, refuse, change their picture."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np

Mood = Literal["plays", "stalls", "ends", "refuses"]


def jpeg(size: tuple[int, int], value: int) -> bytes:
    return cv2.imencode(".jpg", np.full((size[1], size[0], 3), value, np.uint8))[1].tobytes()


class HttpCamera:
    """JPEG after JPEG in one HTTP response, as many cameras serve them."""

    def __init__(self, pause: float = 0.01) -> None:
        self.mood: Mood = "plays"
        self.size = (64, 48)
        self.picture: bytes | None = None
        self.sent = 0
        self.connections = 0
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if camera.mood == "refuses":
                    self.send_error(401)
                    return
                camera.connections += 1
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with contextlib.suppress(OSError):
                    while camera.mood in ("plays", "stalls") and not camera.gone.wait(pause):
                        if camera.mood == "stalls":
                            continue
                        picture = camera.picture or jpeg(camera.size, camera.sent % 250)
                        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
                        self.wfile.write(head + picture + b"\r\n")
                        camera.sent += 1

            def log_message(self, *_: object) -> None:
                pass

        self.gone = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/stream.mjpg"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.gone.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def http_camera(pause: float = 0.01) -> Iterator[HttpCamera]:
    camera = HttpCamera(pause)
    try:
        yield camera
    finally:
        camera.close()


class RtspCamera:
    """One JPEG stream over RTSP (RFC 2326), its packets (RFC 3550, RFC 2435) inside the same TCP connection.

    Asks for a password like real ones: Basic, ``user`` and ``secret``.
    """

    def __init__(self) -> None:
        self.mood: Mood = "plays"
        self.size = (64, 48)
        self.transports: list[str] = []
        self.gone = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"rtsp://user:secret@127.0.0.1:{self.port}/live"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self.gone.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that accepts
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests, contextlib.suppress(OSError):
            while request := requests.readline().decode().split():
                headers = {}
                while line := requests.readline().decode().strip():
                    key, _, value = line.partition(":")
                    headers[key.lower()] = value.strip()
                if request[0] == "PLAY":
                    threading.Thread(target=self._play, args=(connection,), daemon=True).start()
                connection.sendall(self._answer(request[0], headers))

    def _answer(self, method: str, headers: dict[str, str]) -> bytes:
        head, body = [f"CSeq: {headers.get('cseq', '0')}", "Session: 1"], ""
        if method == "OPTIONS":
            head.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif headers.get("authorization") != "Basic dXNlcjpzZWNyZXQ=":
            return f'RTSP/1.0 401 Unauthorized\r\n{head[0]}\r\nWWW-Authenticate: Basic realm="c"\r\n\r\n'.encode()
        elif method == "DESCRIBE":
            body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=c\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"
            head += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            self.transports.append(headers["transport"])
            if "TCP" not in headers["transport"]:
                return f"RTSP/1.0 461 Unsupported Transport\r\n{head[0]}\r\n\r\n".encode()
            head.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        return ("\r\n".join(["RTSP/1.0 200 OK", *head]) + "\r\n\r\n" + body).encode()

    def _play(self, connection: socket.socket) -> None:
        number = 0
        with contextlib.suppress(OSError):
            while not self.gone.wait(0.02):
                if self.mood == "ends":
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                if self.mood == "stalls":
                    continue
                number += 1
                stamp = int(time.monotonic() * 90000) & 0xFFFFFFFF
                rtp = bytes((0x80, 0x80 | 26)) + number.to_bytes(2) + stamp.to_bytes(4) + b"cam1"
                packet = rtp + rtp_jpeg(jpeg(self.size, number % 250), self.size)
                connection.sendall(b"$\0" + len(packet).to_bytes(2) + packet)


def rtp_jpeg(picture: bytes, size: tuple[int, int]) -> bytes:
    """A baseline JPEG as the payload of one packet: its quantization tables and its scan (RFC 2435, section 3.1)."""
    tables, at = b"", 2
    while picture[at + 1] != 0xDA:  # segments until the scan starts
        length = int.from_bytes(picture[at + 2 : at + 4])
        if picture[at + 1] == 0xDB:
            body = picture[at + 4 : at + 2 + length]
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        at += 2 + length
    scan = picture[at + 2 + int.from_bytes(picture[at + 2 : at + 4]) : -2]
    main = bytes((0, 0, 0, 0, 1, 255, size[0] // 8, size[1] // 8))  # type 1: 4:2:0; 255: tables follow
    return main + bytes((0, 0)) + len(tables).to_bytes(2) + tables + scan


@contextlib.contextmanager
def rtsp_camera() -> Iterator[RtspCamera]:
    camera = RtspCamera()
    try:
        yield camera
    finally:
        camera.close()
