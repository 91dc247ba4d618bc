"""A real HTTP server of updates: it knows ranges and tags, and breaks off when it is told to."""

from __future__ import annotations

import contextlib
import http.server
import threading
from pathlib import Path
from types import TracebackType


class UpdateServer:
    """Serves a folder on a port of this machine.

    Attributes:
        cuts: after so many bytes each of the next answers breaks off.
        asked: path and ``Range`` of each request.
        redirects: paths that lead elsewhere.
        ranges: whether parts are sent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cuts: list[int] = []
        self.asked: list[tuple[str, str]] = []
        self.redirects: dict[str, str] = {}
        self.ranges = True
        self.tag = '"1"'
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> UpdateServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        name = request.path.lstrip("/")
        wanted = request.headers.get("Range", "")
        self.asked.append((name, wanted))
        if name in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[name])
            request.end_headers()
            return
        file = self.folder / name
        if not file.is_file():
            request.send_error(404)
            return
        content = file.read_bytes()
        start = 0
        if wanted and self.ranges and request.headers.get("If-Range") == self.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(content) - start))
        request.send_header("ETag", self.tag)
        request.end_headers()
        cut = self.cuts.pop(0) if self.cuts and not name.endswith(".minisig") else None
        with contextlib.suppress(ConnectionError):
            request.wfile.write(content[start:][:cut])
        if cut is not None:
            request.close_connection = True
