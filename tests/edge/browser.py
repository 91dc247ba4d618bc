"""A real headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of a Chromium, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def running_chromium() -> Iterator[str]:
    """Start a Chromium with a profile of its own; gives the address of its DevTools socket."""
    program = chromium()
    assert program
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        switches = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0")
        process = subprocess.Popen(
            [program, *switches, "--disable-dev-shm-usage", "--disable-extensions", f"--user-data-dir={profile}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield f"ws://127.0.0.1:{_address(process, Path(profile) / 'DevToolsActivePort')}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _address(process: subprocess.Popen[bytes], file: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "Chromium ended at once"
        if file.exists() and len(lines := file.read_text().split()) == 2:
            return "".join(lines)
        time.sleep(0.05)
    raise AssertionError("Chromium opened no DevTools port")


class Tab:
    """One page. ``browser_context`` keeps cookies and storage apart from other tabs'."""

    def __init__(self, devtools: Devtools, session: str, target: str) -> None:
        self._devtools = devtools
        self._session = session
        self._target = target

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._devtools.send(method, parameters, self._session)

    async def open(self, url: str) -> None:
        await self.send("Page.navigate", url=url)

    async def run(self, expression: str) -> Any:
        """Evaluate JavaScript (promises are awaited) and return its value."""
        done = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    async def until(self, expression: str, seconds: float = 30) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + seconds
        value = None
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):  # while a page loads, what the expression names isn't there
                value = await self.run(expression)
                if value:
                    return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"never true: {expression}; last {value!r}")

    async def click(self, selector: str) -> None:
        """Press the mouse on the middle of an element."""
        x, y = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center'});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def press(self, key: str) -> None:
        await self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def size(
        self, width: int, height: int, scale: float = 1, *, mobile: bool = False, dark: bool = False
    ) -> None:
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        await self.send("Emulation.setTouchEmulationEnabled", enabled=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        shot = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def close(self) -> None:
        await self._devtools.send("Target.closeTarget", {"targetId": self._target})

    def complaints(self) -> list[str]:
        """What the console heard: errors, warnings, refused loads."""
        return self._devtools.complaints.get(self._session, [])


class Devtools:
    """The connection to a running browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self.complaints: dict[str, list[str]] = {}
        self.requests: list[str] = []

    async def send(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        self._count += 1
        answer = self._answers[self._count] = asyncio.get_running_loop().create_future()
        command = {"id": self._count, "method": method, "params": parameters}
        await self._socket.send_json(command | ({"sessionId": session} if session else {}))
        return await asyncio.wait_for(answer, 60)

    async def tab(self) -> Tab:
        """Open an empty page with cookies and storage of its own."""
        context = await self.send("Target.createBrowserContext", {"disposeOnDetach": True})
        made = await self.send(
            "Target.createTarget", {"url": "about:blank", "browserContextId": context["browserContextId"]}
        )
        attached = await self.send("Target.attachToTarget", {"targetId": made["targetId"], "flatten": True})
        tab = Tab(self, attached["sessionId"], made["targetId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await tab.send(f"{domain}.enable")
        return tab

    async def listen(self) -> None:
        async for message in self._socket:
            heard = json.loads(message.data)
            if "id" in heard:
                answer = self._answers.pop(heard["id"])
                if answer.done():
                    continue
                if "error" in heard:
                    answer.set_exception(AssertionError(heard["error"]["message"]))
                else:
                    answer.set_result(heard["result"])
                continue
            said = self.complaints.setdefault(heard.get("sessionId", ""), [])
            parameters = heard["params"]
            match heard["method"]:
                case "Runtime.exceptionThrown":
                    said.append(json.dumps(parameters["exceptionDetails"]))
                case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning"):
                    said.append(json.dumps(parameters["args"]))
                case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                    said.append(parameters["entry"]["text"])
                case "Network.requestWillBeSent":
                    self.requests.append(parameters["request"]["url"])


@contextlib.asynccontextmanager
async def devtools(address: str) -> AsyncIterator[Devtools]:
    """Connect to a browser that :func:`running_chromium` started."""
    async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
        connection = Devtools(socket)
        listening = asyncio.create_task(connection.listen())
        try:
            yield connection
        finally:
            listening.cancel()
