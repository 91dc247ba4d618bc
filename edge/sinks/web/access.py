"""Who may see the page: the token, and requests that other people's pages make a browser send."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections import OrderedDict
from typing import Literal
from urllib.parse import urlsplit

from edge.sinks.web.address import is_loopback

#: Wrong tokens that an address may send before it has to wait.
_FREE_ATTEMPTS = 5

#: Seconds that it then has to wait: doubled with each further wrong token, up to the second value.
_PAUSE = (1.0, 30.0)

#: Addresses whose wrong tokens are remembered; the ones heard longest ago are forgotten first.
_REMEMBERED = 1000

Verdict = Literal["right", "wrong", "later"]


class Access:
    """Decides by token, Host and Origin."""

    def __init__(self, token: str, host: str, port: int) -> None:
        """Set the token (empty: none is needed) and where the page is served."""
        self.needed = bool(token)
        # Cookies know no ports: two pages on one machine must not overwrite each other's.
        self.cookie_name = f"edge_web_{port}"
        self._token = token.encode()
        self._host = host.lower()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        #: What the cookie holds: it lasts over restarts, ends with the token, and doesn't tell it.
        self.cookie = hmac.new(self._token, b"emot-edge web page", hashlib.sha256).hexdigest()

    def knows(self, cookie: str) -> bool:
        """Return whether a browser showed the token earlier."""
        return hmac.compare_digest(cookie.encode(), self.cookie.encode())

    def judge(self, token: str, address: str) -> Verdict:
        """Compare a token, in constant time; an address that sent many wrong ones is put off without looking."""
        key = _network(address)
        count, until = self._wrong.get(key, (0, 0.0))
        if time.monotonic() < until:
            return "later"
        if hmac.compare_digest(token.encode(), self._token):
            self._wrong.pop(key, None)
            return "right"
        count += 1
        over = count - _FREE_ATTEMPTS
        pause = min(_PAUSE[0] * 2 ** min(over, 10), _PAUSE[1]) if over >= 0 else 0.0
        self._wrong[key] = (count, time.monotonic() + pause)
        self._wrong.move_to_end(key)
        if len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)
        return "wrong"

    def wait(self, address: str) -> int:
        """Return how many seconds an address has to wait before its next token is looked at."""
        return max(1, math.ceil(self._wrong.get(_network(address), (0, 0.0))[1] - time.monotonic()))

    def foreign(self, host: str | None, origin: str | None) -> str:
        """Return why a request comes from somebody else's page; empty where it doesn't.

        A browser names the page that makes it ask (``Origin``): it has to be this one. Without a token, ``Host`` has
        to mean this machine too: a name of somebody's own that suddenly leads here (DNS rebinding) is refused. With a
        token such a name has no cookie, and a proxy may serve the page under whatever name it has.
        """
        try:
            name = urlsplit(f"//{host or ''}").hostname or ""
            asking = None if origin is None else urlsplit(origin).netloc.lower()
        except ValueError:
            return "this Host or Origin makes no sense"
        if not self.needed and name != self._host and not is_loopback(name):
            return f"this page is not served under the name {name!r}; open it as localhost, or set --web-token"
        if asking is not None and asking != (host or "").lower():
            return "another page asked for this"
        return ""


def _network(address: str) -> str:
    """Return what counts as one address: of IPv6 the first half, since a single machine owns all of the second."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
