"""Prometheus: a page of numbers, for who watches many devices. docs/metrics.md lists them."""

from __future__ import annotations

import errno
import socket
import socketserver
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from edge.errors import EdgeError, NotInstalledError
from edge.health import Health
from edge.types import Result

try:
    from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, make_wsgi_app

    from edge.sinks.tally import Tally
except ModuleNotFoundError as _missing:
    raise NotInstalledError(
        "--metrics needs prometheus-client, which is not installed: pip install 'emot-edge[prometheus]'"
    ) from _missing

#: Seconds after which a visitor who says nothing is sent away.
_PATIENCE = 10


class PrometheusSink:
    """Counts results and serves the counts over HTTP until closed.

    Attributes:
        port: where it listens: the one asked for, or the one the system chose.
    """

    def __init__(self, health: Health, *, host: str = "127.0.0.1", port: int = 9464) -> None:
        """Start serving.

        Args:
            health: of the run.
            host: name or address of this machine to listen on; ``0.0.0.0`` or ``::`` for all of them.
            port: TCP port; 0: any free one.

        Raises:
            EdgeError: the port is taken, or the address isn't this machine's.
        """
        # A registry of its own: what other libraries leave in the global one is nobody's business.
        registry = CollectorRegistry()
        self._tally = Tally(health)
        registry.register(self._tally)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._server = _Server(family, address)
        except OSError as error:
            raise EdgeError(_reason(error, host, port)) from error
        self._server.set_app(make_wsgi_app(registry))
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()

    def write(self, result: Result) -> bool:
        """Count one result."""
        self._tally.count(result)
        return True

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a scrape every few seconds is no news."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, address: Any) -> None:
        self.address_family = family
        super().__init__(address[:2], _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a visitor who hangs up is no error of ours."""


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken; choose another one with --metrics-port"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is not permitted; choose one above 1023 with --metrics-port"
    return (
        f"cannot serve metrics on {host}: {error.strerror or error}; give an address of this machine to --metrics-host"
    )
