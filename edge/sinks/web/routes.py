"""What the server answers to which request, and to whom."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from aiohttp import WSMsgType, web

from edge.controls import Controls
from edge.health import Health
from edge.sinks.web.access import Access
from edge.sinks.web.audience import Audience, Browser, Listener, Wish
from edge.sinks.web.message import Message

#: index.html, the login page and what they load.
PAGE = Path(__file__).parent.parent.parent / "page"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src {style}; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": _POLICY.format(style="'self'"),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

#: Seconds between pings; a browser that doesn't answer them is gone.
_PING = 15.0

#: Seconds that a script may take to read what it was sent.
_PATIENCE = 30.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Routes:
    """The handlers of one page."""

    def __init__(
        self,
        audience: Audience,
        access: Access,
        health: Health,
        controls: Controls | None,
        greeting: Callable[[], list[Message]],
    ) -> None:
        """Read the page's files.

        Args:
            audience: where browsers and scripts join.
            access: who may see what.
            health: for ``/health``.
            controls: what the page may ask of the run; None: nothing.
            greeting: what a browser is told first.
        """
        self._audience = audience
        self._access = access
        self._health = health
        self._controls = controls
        self._greeting = greeting
        self._files = {path.name: path.read_bytes() for path in sorted(PAGE.iterdir())}
        # Whoever sees the login page gets no other file, so its style is in it, and allowed by its hash.
        style = self._files["login.html"].partition(b"<style>")[2].partition(b"</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
        self._login_policy = _POLICY.format(style=f"'sha256-{digest}'")

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(middlewares=[self._guard], client_max_size=4096)
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._dismiss)
        app.router.add_get("/", self._index)
        app.router.add_get("/live", self._live, allow_head=False)
        app.router.add_get("/events", self._events, allow_head=False)
        app.router.add_get("/health", self._state)
        app.router.add_get("/snapshot.jpg", self._snapshot, allow_head=False)
        app.router.add_post("/login", self._login)
        if self._controls:
            app.router.add_post("/controls/{wish}", self._control)
        app.router.add_get("/{name}", self._file)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let nobody through to a handler who may not be there."""
        reason = self._access.foreign(request.headers.get("Host"), request.headers.get("Origin"))
        if reason:
            return web.Response(status=403, text=f"refused: {reason}\n")
        if not self._access.needed or request.path == "/login":
            return await handler(request)
        if self._access.knows(request.cookies.get(self._access.cookie_name, "")):
            # A link with the token in it is opened a second time: the token need not stay in the address line.
            return _moved() if request.path == "/" and "token" in request.query else await handler(request)
        token = _shown_token(request)
        if token is None:
            return self._ask_for_token(request, 401)
        verdict = self._access.judge(token, request.remote or "")
        if verdict != "right":
            return self._ask_for_token(request, 401 if verdict == "wrong" else 429, tried=True)
        if request.path == "/" and "token" in request.query:
            return self._let_in(request)
        return await handler(request)

    async def _login(self, request: web.Request) -> web.StreamResponse:
        if not self._access.needed:
            return _moved()
        form = await request.post()
        verdict = self._access.judge(str(form.get("token", "")).strip(), request.remote or "")
        if verdict == "right":
            return self._let_in(request)
        return self._ask_for_token(request, 401 if verdict == "wrong" else 429, tried=True)

    def _let_in(self, request: web.Request) -> web.Response:
        response = _moved()
        if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            # Of a link on somebody else's page, a browser takes the whole redirection for theirs and would leave the
            # cookie out: the page itself has to lead on.
            response = web.Response(headers={"Refresh": "0; url=./"}, content_type="text/html")
        response.set_cookie(
            self._access.cookie_name,
            self._access.cookie,
            max_age=30 * 86400,
            httponly=True,
            samesite="Strict",
            secure=request.secure or request.headers.get("X-Forwarded-Proto") == "https",
        )
        return response

    def _ask_for_token(self, request: web.Request, status: int, tried: bool = False) -> web.Response:
        """Return the login page to a browser, a line to a script."""
        wait = self._access.wait(request.remote or "")
        headers = {"Retry-After": str(wait)} if status == 429 else {"WWW-Authenticate": "Bearer"}
        text = "This page needs its token (--web-token of edge-run)."
        if status == 429:
            text = f"Too many wrong tokens. Try again in {wait} s."
        elif tried:
            text = "That is not the token (--web-token of edge-run)."
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(status=status, text=text + "\n", headers=headers)
        headers["Content-Security-Policy"] = self._login_policy
        page = self._files["login.html"].decode().replace("<!-- reason -->", text)
        return web.Response(status=status, text=page, content_type="text/html", headers=headers)

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return _file_response("index.html", self._files["index.html"])

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._files or name == "login.html":
            raise web.HTTPNotFound
        return _file_response(name, self._files[name])

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """The page's web socket."""
        self._admit()
        socket = web.WebSocketResponse(heartbeat=_PING, max_msg_size=1024, compress=False, timeout=0.5)
        await socket.prepare(request)
        for message in self._greeting():
            await socket.send_bytes(message.packed(False))
        browser = Browser(socket)
        self._audience.join(browser)
        sender = asyncio.create_task(browser.serve())
        if self._audience.latest:
            browser.offer(self._audience.latest)
        try:
            async for heard in socket:
                if heard.type is WSMsgType.TEXT:
                    browser.hear(msgspec.json.decode(heard.data, type=Wish))
                    self._audience.ask()
        except msgspec.MsgspecError:
            await socket.close(code=1008, message=b"not understood")
        finally:
            self._audience.leave(browser)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return socket

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Every event: Server-Sent Events to who asks for them, else one JSON object a line."""
        self._admit()
        sse = "text/event-stream" in request.headers.get("Accept", "")
        response = web.StreamResponse()
        response.content_type = "text/event-stream" if sse else "application/x-ndjson"
        listener = Listener()
        self._audience.join(listener)
        try:
            await response.prepare(request)
            while not self._audience.closing and request.transport and not request.transport.is_closing():
                events = await listener.taken(0.5)
                chunk = b"".join(b"data: %s\n\n" % event if sse else event + b"\n" for event in events)
                if chunk:
                    await asyncio.wait_for(response.write(chunk), _PATIENCE)
        except (ConnectionError, TimeoutError):
            if request.transport:
                request.transport.close()
        finally:
            self._audience.leave(listener)
        return response

    async def _state(self, request: web.Request) -> web.StreamResponse:
        state = self._health.source.state
        content = {"state": "paused" if self._health.paused and state == "ok" else state, **self._health.snapshot()}
        return web.Response(
            status=200 if state == "ok" else 503, body=msgspec.json.encode(content), content_type="application/json"
        )

    async def _snapshot(self, request: web.Request) -> web.StreamResponse:
        self._admit()
        picture = await self._audience.snapshot(2.0)
        if picture is None:
            return web.Response(status=503, text="no picture: the source gives none\n")
        return web.Response(body=picture, content_type="image/jpeg")

    async def _control(self, request: web.Request) -> web.StreamResponse:
        assert self._controls is not None
        match request.match_info["wish"]:
            case "pause":
                self._controls.pause(True)
            case "resume":
                self._controls.pause(False)
            case "step":
                self._controls.step()
            case _:
                raise web.HTTPNotFound
        return web.Response(
            body=msgspec.json.encode({"paused": self._controls.paused}), content_type="application/json"
        )

    async def _dismiss(self, app: web.Application) -> None:
        await self._audience.dismiss()

    def _admit(self) -> None:
        if self._audience.full:
            raise web.HTTPServiceUnavailable(text="too many browsers and scripts look already; close one\n")


async def _add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)


def _shown_token(request: web.Request) -> str | None:
    """Return the token that a request carries: ``Authorization: Bearer``, or ``?token=`` in the address."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    return request.query.get("token")


def _moved() -> web.Response:
    # Relative, so that a proxy may serve the page in a folder of its own.
    return web.Response(status=303, headers={"Location": "./"})


def _file_response(name: str, data: bytes) -> web.Response:
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
    return web.Response(body=data, content_type=kind or "application/octet-stream", charset="utf-8")
