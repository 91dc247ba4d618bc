"""The web page's server: what it sends, to whom, and what it leaves behind. Real requests over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest
import yarl

from edge.controls import Controls
from edge.errors import EdgeError
from edge.events import event
from edge.health import Health
from edge.reader import EmotionReader
from edge.sinks.web import WebSink
from edge.sinks.web.access import Access
from edge.sources.demo import DemoSource
from edge.types import Result
from tests.conftest import ROOT

TOKEN = "correct horse"


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """Ten frames of the demo with what is read in them; two people in the first."""
    frames = [frame for frame in DemoSource().frames() if frame and frame.index % 25 == 0]
    with EmotionReader(threads=1) as reader:
        read = [reader.process(frame, "demo") for frame in frames]
    assert len(read[0].readings) == 2
    return read


@pytest.fixture
def sink() -> Iterator[WebSink]:
    with closing(WebSink(Health(), port=0, fps=1000)) as opened:
        yield opened


@pytest.fixture
def guarded() -> Iterator[WebSink]:
    with closing(WebSink(Health(), port=0, token=TOKEN)) as opened:
        yield opened


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length]), data[4 + length :]


class Page:
    """What the page's script does, without the page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, hello: dict[str, Any]) -> None:
        self.socket = socket
        self.hello = hello

    async def frame(self) -> tuple[dict[str, Any], bytes]:
        """The next message that holds a frame."""
        while True:
            content, picture = unpack(await self.socket.receive_bytes(timeout=20))
            if "event" in content:
                return content, picture


@asynccontextmanager
async def looking(sink: WebSink, *, picture: bool = True, **options: Any) -> AsyncIterator[Page]:
    async with aiohttp.ClientSession() as session, session.ws_connect(sink.url + "live", **options) as socket:
        await socket.send_json({"picture": picture})
        page = Page(socket, unpack(await socket.receive_bytes(timeout=20))[0]["hello"])
        await until(lambda: sink._audience.demand.frames and sink._audience.demand.pictures >= picture)
        yield page


async def until(condition: Any) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def answer(url: str, method: str = "GET", **options: Any) -> tuple[int, str, aiohttp.ClientResponse]:
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(method, url, allow_redirects=False, **options) as response,
    ):
        return response.status, await response.text(errors="replace"), response


def test_a_browser_gets_the_very_frame_that_was_read(sink: WebSink, results: list[Result]) -> None:
    async def look() -> None:
        async with looking(sink) as page:
            for result in results[:3]:
                assert sink.write(result)
                content, picture = await page.frame()
                await page.socket.send_json({"got": 1})
                assert content["event"] == json.loads(json.dumps(event(result)))
                assert content["size"] == [640, 480]
                assert [len(points) for points in content["landmarks"]] == [6] * len(result.readings)
                shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
                difference = np.abs(shown.astype(int) - result.frame.image)
                assert difference.mean() < 4
            assert set(page.hello["layers"]) == {
                *("boxes", "labels", "bars", "plot", "trail", "stats", "legend", "landmarks")
            }
            assert page.hello["controls"] is False

    asyncio.run(look())


def test_pictures_are_sent_to_those_who_want_them(sink: WebSink, results: list[Result]) -> None:
    async def look() -> None:
        async with looking(sink) as seeing, looking(sink, picture=False) as reading:
            sink.write(results[0])
            (content, picture), (same, nothing) = await seeing.frame(), await reading.frame()
            assert content == same and picture[:2] == b"\xff\xd8" and nothing == b""
            await seeing.socket.send_json({"picture": False, "got": 1})
            await until(lambda: not sink._audience.demand.pictures)
            sink.write(results[1])
            assert (await seeing.frame())[1] == b""

    asyncio.run(look())


def test_large_frames_are_reduced(sink: WebSink, results: list[Result]) -> None:
    large = np.zeros((2160, 3840, 3), np.uint8)
    frame = dataclasses.replace(results[0].frame, image=large)

    async def look() -> None:
        async with looking(sink) as page:
            sink.write(dataclasses.replace(results[0], frame=frame))
            content, picture = await page.frame()
            assert content["size"] == [3840, 2160]
            assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape == (720, 1280, 3)

    asyncio.run(look())


def test_a_slow_browser_holds_up_nobody(sink: WebSink, results: list[Result]) -> None:
    """It confirms nothing and reads nothing: it has two frames at most, the others get each newest one."""
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    frame = dataclasses.replace(results[0].frame, image=noise)

    async def look() -> None:
        async with looking(sink) as slow, looking(sink) as quick:
            for index in range(100):
                now = dataclasses.replace(frame, index=index)
                sink.write(dataclasses.replace(results[0], frame=now))
                content, _ = await quick.frame()
                assert content["event"]["frame"] == index
                await quick.socket.send_json({"got": 1})
            got = [(await slow.frame())[0]["event"]["frame"] for _ in range(2)]
            assert got[0] == 0
            await slow.socket.send_json({"got": 2})
            assert (await slow.frame())[0]["event"]["frame"] == 99  # what lay between is gone, the newest is not

    asyncio.run(look())


def test_who_comes_later_sees_the_last_frame_unless_nobody_saw_it(sink: WebSink, results: list[Result]) -> None:
    async def look() -> None:
        async with looking(sink) as first:
            sink.write(results[0])
            await first.frame()
            async with looking(sink) as second:  # the run may be paused: no other frame comes
                assert (await second.frame())[1]
        await until(lambda: not sink._audience.demand.frames)
        sink.write(results[1])
        async with looking(sink) as third:
            sink.write(results[2])
            assert (await third.frame())[0]["event"]["frame"] == results[2].frame.index

    asyncio.run(look())


def test_events_for_scripts(sink: WebSink, results: list[Result]) -> None:
    async def read(accept: str) -> tuple[str, bytes]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(sink.url + "events", headers={"Accept": accept}) as response,
        ):
            for result in results:
                sink.write(result)
            lines = [await response.content.readline() for _ in range(len(results))]
            return response.content_type, b"".join(lines)

    kind, lines = asyncio.run(read("*/*"))
    assert kind == "application/x-ndjson"
    assert [json.loads(line) for line in lines.splitlines()] == [json.loads(json.dumps(event(r))) for r in results]
    kind, lines = asyncio.run(read("text/event-stream"))
    assert kind == "text/event-stream"
    assert json.loads(lines.split(b"\n\n")[0].removeprefix(b"data: "))["frame"] == results[0].frame.index


def test_health_and_snapshot(results: list[Result]) -> None:
    health = Health()
    health.source.name = "camera"
    with closing(WebSink(health, port=0)) as sink:
        status, text, response = asyncio.run(answer(sink.url + "health"))
        assert (status, json.loads(text)["state"], json.loads(text)["source"]["name"]) == (200, "ok", "camera")
        health.source.state = "lost 4 s ago, opening again"
        status, text, _ = asyncio.run(answer(sink.url + "health"))
        assert (status, json.loads(text)["state"]) == (503, "lost 4 s ago, opening again")

        async def ask() -> bytes:
            async with aiohttp.ClientSession() as session:
                asking = asyncio.create_task(session.get(sink.url + "snapshot.jpg"))
                await until(lambda: sink._audience.demand.pictures)
                sink.write(results[0])
                return await (await asking).read()

        assert cv2.imdecode(np.frombuffer(asyncio.run(ask()), np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in response.headers


def test_controls(results: list[Result]) -> None:
    controls = Controls()
    with closing(WebSink(Health(), port=0, controls=controls)) as sink:
        for wish, paused in (("pause", True), ("pause", True), ("resume", False), ("step", True)):
            status, text, _ = asyncio.run(answer(f"{sink.url}controls/{wish}", "POST"))
            assert (status, json.loads(text)) == (200, {"paused": paused})
            assert controls.paused is paused
        assert controls.may_pass(0) and not controls.may_pass(0)
        assert asyncio.run(answer(sink.url + "controls/stop", "POST"))[0] == 404
        foreign = {"Origin": "http://elsewhere.example"}
        assert asyncio.run(answer(sink.url + "controls/resume", "POST", headers=foreign))[0] == 403
        assert controls.paused
    with closing(WebSink(Health(), port=0)) as sink:
        assert asyncio.run(answer(sink.url + "controls/pause", "POST"))[0] in (404, 405)


@pytest.mark.parametrize(
    "path", ["", "page.js", "icon.svg", "live", "events", "health", "snapshot.jpg", "no-such-thing", "login.html"]
)
def test_nothing_is_seen_without_the_token(guarded: WebSink, path: str) -> None:
    status, text, response = asyncio.run(answer(guarded.url + path))
    assert status == 401
    assert "<" not in text and "token" in text
    assert "Set-Cookie" not in response.headers
    for wrong in ({"Authorization": "Bearer wrong"}, {"Cookie": f"{guarded._access.cookie_name}=wrong"}):
        assert asyncio.run(answer(guarded.url + path, headers=wrong))[0] == 401


def test_the_token_in_the_address_becomes_a_cookie(guarded: WebSink) -> None:
    status, _, response = asyncio.run(answer(str(yarl.URL(guarded.url) % {"token": TOKEN})))
    assert (status, response.headers["Location"]) == (303, "./")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    header = {"Cookie": cookie.partition(";")[0]}
    assert asyncio.run(answer(guarded.url + "page.js", headers=header))[0] == 200

    async def look() -> None:
        async with looking(guarded, headers=header) as page:
            assert page.hello

    asyncio.run(look())


def test_other_ways_to_show_the_token(guarded: WebSink) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert asyncio.run(answer(guarded.url + "health", headers=bearer))[0] == 200
    status, text, _ = asyncio.run(answer(guarded.url, headers={"Accept": "text/html"}))
    assert status == 401 and '<form method="post" action="login">' in text
    form = guarded.url + "login"
    status, text, _ = asyncio.run(answer(form, "POST", data={"token": "wrong"}, headers={"Accept": "text/html"}))
    assert status == 401 and "That is not the token" in text
    status, _, response = asyncio.run(answer(form, "POST", data={"token": TOKEN}))
    assert status == 303 and "HttpOnly" in response.headers["Set-Cookie"]


def test_guessing_is_slowed_down_and_others_stay_in(guarded: WebSink) -> None:
    def guess(token: str) -> int:
        return asyncio.run(answer(guarded.url + "health", headers={"Authorization": f"Bearer {token}"}))[0]

    assert [guess(f"guess {i}") for i in range(5)] == [401] * 5
    status, _, response = asyncio.run(answer(guarded.url + "health", headers={"Authorization": f"Bearer {TOKEN}"}))
    assert status == 429 and int(response.headers["Retry-After"]) >= 1
    cookie = {"Cookie": f"{guarded._access.cookie_name}={guarded._access.cookie}"}
    assert asyncio.run(answer(guarded.url + "health", headers=cookie))[0] == 200


@pytest.mark.parametrize(
    ("token", "host", "origin", "refused"),
    [
        ("", "localhost:8765", None, False),
        ("", "127.0.0.1:9000", "http://127.0.0.1:9000", False),
        ("", "[::1]:8765", "http://[::1]:8765", False),
        ("", "LOCALHOST:8765", "http://localhost:8765", False),
        ("", "camera.lan:8765", "http://camera.lan:8765", False),  # the given host
        ("", "rebound.example", None, True),
        ("", "", None, True),
        ("", None, None, True),
        ("", "localhost:8765", "http://localhost:8766", True),
        ("", "localhost:8765", "http://elsewhere.example", True),
        ("", "localhost:8765", "null", True),
        ("", "localhost.elsewhere.example", None, True),
        ("", "[nonsense", None, True),
        ("t", "proxied.example", "https://proxied.example", False),
        ("t", "proxied.example", "https://elsewhere.example", True),
    ],
)
def test_other_peoples_pages_are_refused(token: str, host: str | None, origin: str | None, refused: bool) -> None:
    assert bool(Access(token, "camera.lan", 8765).foreign(host, origin)) is refused


@pytest.mark.parametrize("headers", [{"Origin": "http://elsewhere.example"}, {"Host": "rebound.example"}])
def test_a_socket_from_elsewhere_is_refused(sink: WebSink, headers: dict[str, str]) -> None:
    async def look() -> None:
        async with looking(sink, headers=headers):
            pass

    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        asyncio.run(look())


def test_places_that_cannot_be_served_on() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EdgeError, match=f"--web-port {port}: another program"):
            WebSink(Health(), port=port)
    for host, says in (("no.such.host.invalid", "--web-port"), ("192.0.2.7", "--web-port 0"), ("", "--web-host")):
        with pytest.raises(EdgeError, match=says) as caught:
            WebSink(Health(), host=host, port=0, token=TOKEN)
        assert "\n" not in str(caught.value)
    for host in ("0.0.0.0", "::"):
        with pytest.raises(EdgeError, match="--web-token"):
            WebSink(Health(), host=host, port=0)


def test_the_same_port_can_be_served_again_at_once(results: list[Result]) -> None:
    with closing(WebSink(Health(), port=0)) as first:
        port = int(first.url.rstrip("/").rpartition(":")[2])
        assert asyncio.run(answer(first.url + "health"))[0] == 200
    with closing(WebSink(Health(), host="localhost", port=port)) as second:
        assert asyncio.run(answer(second.url + "health"))[0] == 200


def test_nothing_is_left_after_close(results: list[Result]) -> None:
    def here() -> tuple[set[str], int]:
        return {thread.name for thread in threading.enumerate()}, len(list(Path("/proc/self/fd").iterdir()))

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system doesn't list open files")

    async def look(sink: WebSink) -> None:
        async with looking(sink) as page, looking(sink), aiohttp.ClientSession() as session:
            events = await session.get(sink.url + "events")
            sink.write(results[0])
            await page.frame()
            await events.content.readline()
            await asyncio.to_thread(sink.close)  # with everybody still connected
            assert (await page.socket.receive(timeout=20)).type in (
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.BINARY,
            )

    asyncio.run(look(WebSink(Health(), port=0)))  # what Python opens once for all, it has now
    before = here()
    for _ in range(3):
        asyncio.run(look(WebSink(Health(), port=0)))
    assert here() == before


def test_browsers_that_vanish_are_forgotten(sink: WebSink, results: list[Result]) -> None:
    async def look() -> None:
        for _ in range(3):
            async with looking(sink) as page:
                page.socket._response.connection.transport.abort()  # no good-bye
        await until(lambda: not sink._audience.browsers)

    asyncio.run(look())
    assert not any(sink._audience.demand)
    assert sink.write(results[0])


def test_a_browser_that_reads_nothing_at_all_holds_up_nobody(sink: WebSink, results: list[Result]) -> None:
    """It confirms everything, takes nothing off its socket, and is still there when the page is closed."""
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with closing(stuck):
        stuck.connect(("127.0.0.1", yarl.URL(sink.url).port))
        stuck.sendall(
            b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        said = b'{"picture":true,"got":999}'
        stuck.sendall(bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said)  # masked with zeros
        asyncio.run(until(lambda: sink._audience.demand.pictures))
        for index in range(40):
            frame = dataclasses.replace(results[0].frame, image=noise, index=index)
            sink.write(dataclasses.replace(results[0], frame=frame))
        assert asyncio.run(answer(sink.url + "health"))[0] == 200
        sink.close()
    assert "web server" not in {thread.name for thread in threading.enumerate()}


def test_a_missing_package_is_named() -> None:
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from edge.errors import NotInstalledError\n"
        "from edge.health import Health\n"
        "from edge.sinks.web import WebSink\n"
        "try: WebSink(Health())\n"
        "except NotInstalledError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "the web page needs aiohttp: pip install 'emot-edge[web]'", done.stderr
