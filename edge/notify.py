"""Tell systemd how the run is doing: ready, alive, what it is about, stopping.

The protocol is sd_notify(3): a datagram of ``KEY=value`` lines to the socket that ``NOTIFY_SOCKET`` names. Outside of a
service there is none, and nothing is sent.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping

#: Seconds between two status lines at least: each one wakes systemd.
_STATUS_EVERY = 5.0


class ServiceManager:
    """The line to systemd; does nothing where there is none."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Look for the socket and for the watchdog's period (``WATCHDOG_USEC``, meant for ``WATCHDOG_PID``)."""
        address = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ lives in Linux's abstract namespace, where the first byte is zero.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environment.get("WATCHDOG_USEC", "") if meant else ""
        # Twice as often as asked for, as sd_watchdog_enabled(3) recommends.
        self._period = int(period) / 2e6 if period.isdigit() else None
        self._clock = clock
        self._fed = self._told = float("-inf")
        self._status = ""
        self._socket: socket.socket | None = None
        if self._address and hasattr(socket, "AF_UNIX"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    def ready(self) -> None:
        """Say that everything named in the options is open."""
        self._send("READY=1")

    def alive(self, status: str) -> None:
        """Feed the watchdog when it is due, and pass on what the run is doing; called from the loop, often.

        Args:
            status: one line for ``systemctl status``; sent when it changed, every five seconds at most.
        """
        if self._socket is None:
            return
        now = self._clock()
        if self._period is not None and now - self._fed >= self._period:
            self._fed = now
            self._send("WATCHDOG=1")
        if status != self._status and now - self._told >= _STATUS_EVERY:
            self._status, self._told = status, now
            self._send("STATUS=" + " ".join(status.split()))

    def stopping(self) -> None:
        """Say that the run is ending and files are being finished."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is not None:
            # A manager that doesn't listen is no reason to stop seeing.
            with contextlib.suppress(OSError):
                self._socket.sendto(message.encode(), self._address)
