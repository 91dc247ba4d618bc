"""Which MQTT broker is meant, who asks, and how the connection is protected."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import ssl
from pathlib import Path

from edge.errors import EdgeError

#: Registered with IANA: mqtt and secure-mqtt.
PORT, TLS_PORT = 1883, 8883

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclasses.dataclass(frozen=True)
class Broker:
    """Where a broker listens and what it wants to see.

    Attributes:
        host: name or address, an IPv6 one without its brackets.
        port: TCP port.
        user: account; empty where the broker asks nobody.
        password: of that account; never shown.
        tls: how the connection is encrypted; None where it isn't.
    """

    host: str
    port: int
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    tls: ssl.SSLContext | None = dataclasses.field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_broker(text: str, *, user: str = "", password: str = "", tls: bool = False, ca: Path | None = None) -> Broker:
    """Return the broker that a user named.

    Args:
        text: ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``; without a port 1883, or 8883 with TLS.
        user: account at the broker.
        password: of that account.
        tls: encrypt, and trust the authorities this system trusts.
        ca: certificate (PEM) of the one authority to trust instead; implies ``tls``.

    Raises:
        EdgeError: no such address can exist, the certificate can't be read, or a password belongs to nobody.
    """
    encrypted = tls or ca is not None
    host, port = _split(text.strip())
    if "/" in text or not _is_host(host):
        raise EdgeError(f"--mqtt {text}: this is no host name; give the broker as host, host:port or [IPv6]:port")
    number = int(port) if re.fullmatch("[0-9]{1,5}", port) else 0
    if port and not 0 < number < 65536:
        raise EdgeError(f"--mqtt {text}: {port!r} is no port; use 1 to 65535")
    if password and not user:
        raise EdgeError("a password for the MQTT broker needs the account it belongs to: add --mqtt-user")
    context = _context(ca) if encrypted else None
    return Broker(host, number or (TLS_PORT if encrypted else PORT), user, password, context)


def _split(text: str) -> tuple[str, str]:
    """Return host and port, the latter empty where none is named."""
    if bracketed := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text):
        return bracketed[1] if ":" in bracketed[1] else "", bracketed[2] or ""
    if text.count(":") > 1:
        return text, ""  # an IPv6 address without brackets can't have a port
    host, _, port = text.partition(":")
    return host, port


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        name = text.removesuffix(".")
        return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def _context(ca: Path | None) -> ssl.SSLContext:
    """Return a context that checks certificate and host name.

    Raises:
        EdgeError: the file isn't there, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except ssl.SSLError as error:
        raise EdgeError(f"--mqtt-ca {ca}: no certificate in it; give the authority's certificate as PEM") from error
    except OSError as error:
        raise EdgeError(
            f"--mqtt-ca {ca}: cannot read it ({error.strerror}); name the authority's certificate"
        ) from error
    if ca is not None:
        # From Python 3.13 on, extensions are demanded that home-made certificates often lack. Signature, dates and host
        # name are checked as before.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
