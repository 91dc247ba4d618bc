"""Where the page is served, and who could reach it there."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from typing import Any

from edge.errors import EdgeError

_REASONS = {
    errno.EADDRINUSE: "another program listens there already; choose another --web-port, or 0 for any free one",
    errno.EACCES: "ports below 1024 are not for everybody; choose a --web-port above",
    errno.EADDRNOTAVAIL: "this machine has no such address; use 127.0.0.1, 0.0.0.0 or an address of its own",
}

#: A name may stand for addresses that this machine hasn't got.
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def listen(host: str, port: int, *, open_to_others: bool) -> list[socket.socket]:
    """Open listening sockets on every address that ``host`` names; with port 0, all on the same free port.

    Args:
        host: a name or an address of this machine.
        port: 0..65535.
        open_to_others: whether an address that other machines can reach is acceptable.

    Raises:
        EdgeError: the port is taken, the address is not this machine's, or others could reach it and may not.
    """
    places = _places(host, port)
    if not open_to_others and not all(is_loopback(str(place[0])) for _, place in places):
        raise EdgeError(
            f"--web-host {host}: other machines can reach this address, so the page needs a token; "
            "add --web-token WORD, or serve on 127.0.0.1"
        )
    opened: list[socket.socket] = []
    failure: OSError | None = None
    for family, place in places:
        try:
            opened.append(_listening(family, place, opened[0].getsockname()[1] if opened else port))
        except OSError as error:
            # "localhost" names an IPv6 address also on machines that have none.
            if error.errno not in _ABSENT or failure is None:
                failure = error
            if error.errno not in _ABSENT:
                break
    if opened and (failure is None or failure.errno in _ABSENT):
        return opened
    for listener in opened:
        listener.close()
    assert failure is not None
    reason = _REASONS.get(failure.errno or 0, f"{failure.strerror or failure}; choose another one")
    raise EdgeError(f"cannot serve on {host}, --web-port {port}: {reason}") from failure


def is_loopback(host: str) -> bool:
    """Say whether a host name or address, as a browser writes it, means this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def url(host: str, port: int) -> str:
    """Return what to type into a browser; for a wildcard address, this machine's address in its network."""
    try:
        if ipaddress.ip_address(host).is_unspecified:
            host = _outward(host)
    except ValueError:
        pass
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _places(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """Return address family and socket address of everything that a host name stands for."""
    try:
        found = socket.getaddrinfo(host or "-", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise EdgeError(
            f"cannot serve on --web-host {host!r}, --web-port {port}: unknown address; "
            "use 127.0.0.1, 0.0.0.0 or a name of this machine"
        ) from error
    return list(dict.fromkeys((family, tuple(place)) for family, _, _, _, place in found))


def _listening(family: socket.AddressFamily, place: tuple[Any, ...], port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A port that connections of an earlier run still linger on can be taken; one that is served cannot.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            both = place[0] == "::" and socket.has_dualstack_ipv6()
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
        listener.bind((place[0], port, *place[2:]))
        listener.listen(64)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _outward(wildcard: str) -> str:
    """Return this machine's address towards its network. A datagram socket is only addressed: nothing is sent."""
    six = ":" in wildcard
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        probe.connect(("2001:db8::1" if six else "192.0.2.1", 9))  # addresses reserved for documentation
        return str(probe.getsockname()[0])
    return "::1" if six else "127.0.0.1"
