"""The web page in a real browser: a headless Chromium, fed by the demo and the real reader."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager

import pytest
import yarl

from edge.controls import Controls
from edge.health import Health
from edge.layers import LAYERS
from edge.reader import EmotionReader
from edge.sinks.web import WebSink
from edge.sources.demo import DemoSource
from edge.types import Result
from tests.edge.browser import Devtools, chromium, devtools, running_chromium

LIVE = "document.querySelector('#state').textContent === 'live'"

#: A number for what a canvas shows; 0 for one that isn't shown.
DRAWN = """(() => {
  const canvas = document.querySelector('%s');
  if (!canvas.clientWidth) return 0;
  return [...canvas.toDataURL()].reduce((sum, letter) => (sum * 31 + letter.charCodeAt()) %% 1000003, 7);
})()"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if not chromium():
        pytest.skip("Chromium is not installed: apt install chromium")
    with running_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """Two people in view, as the demo begins."""
    with EmotionReader(threads=1) as reader:
        read = [reader.process(frame, "demo") for frame in DemoSource().frames() if frame and frame.index < 10]
    assert all(len(result.readings) == 2 for result in read)
    return read


@contextmanager
def fed(sinks: list[WebSink], results: list[Result], health: Health, controls: Controls) -> Iterator[None]:
    """Write the results in turn, five a second, as a pipeline would."""
    done = threading.Event()

    def feed() -> None:
        index = 0
        while not done.is_set():
            if not controls.may_pass(0.02):
                health.paused = True
                continue
            health.paused = controls.paused
            result = results[index % len(results)]
            frame = dataclasses.replace(result.frame, index=index, time=time.time())
            health.source.captured += 1
            health.count(len(result.readings), result.timings_ms)
            for sink in list(sinks):
                sink.write(dataclasses.replace(result, frame=frame))
            index += 1
            done.wait(0.2)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


Scene = Callable[[Devtools, WebSink, Health, Controls], Awaitable[None]]


@pytest.fixture
def play(address: str, results: list[Result]) -> Callable[..., None]:
    """Serve a page, feed it, and run a scene in the browser."""

    def run(scene: Scene, **options: str) -> None:
        health, controls = Health(), Controls()
        health.source.name, health.source.live = "hall camera", True

        async def together(sink: WebSink) -> None:
            async with devtools(address) as tools:
                await scene(tools, sink, health, controls)

        with (
            closing(WebSink(health, port=0, controls=controls, **options)) as sink,
            fed([sink], results, health, controls),
        ):
            asyncio.run(together(sink))

    return run


def test_live_frames_and_every_layer(play: Callable[..., None]) -> None:
    async def scene(tools: Devtools, sink: WebSink, health: Health, controls: Controls) -> None:
        tab = await tools.tab()
        await tab.size(1280, 800)
        await tab.open(sink.url)
        await tab.until(LIVE + " && document.querySelectorAll('.card').length === 2")
        first = await tab.run(DRAWN % "#picture")
        await tab.until(f"{DRAWN % '#picture'} !== {first}")  # it moves
        assert "hall camera" in await tab.run("document.querySelector('#source').textContent")
        assert "happiness" in await tab.run("document.querySelector('#cards').textContent")

        await tab.click("#pause")
        await tab.until("document.querySelector('#state').textContent === 'paused'")
        assert controls.paused
        await asyncio.sleep(0.5)  # what was under way has arrived

        async def toggled(name: str, how: Callable[[], Awaitable[None]]) -> None:
            """Off and on again, or on and off: the canvas, or the part of the page, changes and comes back."""
            pressed = f"document.querySelector('[data-name={name}]').ariaPressed"
            parts = f"[...document.querySelectorAll('[data-layer={name}]')].map((part) => part.clientHeight > 0)"
            drawn = DRAWN % ("#plot" if name in ("plot", "trail") else "#picture")
            before = await tab.run(f"[{pressed}, {parts}, {drawn}]")
            await how()
            after = await tab.run(f"[{pressed}, {parts}, {drawn}]")
            assert before[0] != after[0], name
            if name in ("bars", "stats", "legend", "plot"):
                assert before[1] and before[1] != after[1], name
            elif name != "trail":  # of a face that keeps still there is no trail to see
                assert before[2] != after[2], name
            await how()
            assert await tab.run(f"[{pressed}, {parts}, {drawn}]") == before, name

        for name in ("picture", *LAYERS, "mirror"):
            await toggled(name, lambda name=name: tab.click(f"[data-name={name}]"))
        await toggled("boxes", lambda: tab.press("b"))

        before = await tab.run(DRAWN % "#picture")
        await tab.press("n")
        await tab.until(f"{DRAWN % '#picture'} !== {before}")
        assert controls.paused
        await tab.click("[data-name=labels]")
        await tab.click("#pause")
        await tab.until(LIVE)
        await tab.open(sink.url)
        await tab.until(LIVE + " && document.querySelector('[data-name=labels]').ariaPressed === 'false'")  # remembered
        assert tab.complaints() == []
        assert {str(yarl.URL(url).origin()) + "/" for url in tools.requests if url.startswith("http")} == {sink.url}

    play(scene)


def test_two_browsers_at_once_and_no_pictures_for_who_wants_none(play: Callable[..., None]) -> None:
    async def scene(tools: Devtools, sink: WebSink, health: Health, controls: Controls) -> None:
        one, two = await tools.tab(), await tools.tab()
        for tab in (one, two):
            await tab.open(sink.url)
        for tab in (one, two):
            await tab.until(LIVE + " && document.querySelector('#run').innerText.includes('2 browsers')")
            first = await tab.run(DRAWN % "#picture")
            await tab.until(f"{DRAWN % '#picture'} !== {first}")
        await one.press("i")
        assert sink._audience.demand.pictures  # the other one still looks
        await two.press("i")
        for _ in range(200):
            if not sink._audience.demand.pictures:
                break
            await asyncio.sleep(0.05)
        assert sink._audience.demand == (True, False, False)
        first = await one.run(DRAWN % "#picture")
        await one.until(f"{DRAWN % '#picture'} !== {first}")  # outlines move on
        await two.close()
        await one.until("document.querySelector('#run').innerText.includes('1 browser')")

    play(scene)


def test_the_token_is_asked_for(play: Callable[..., None]) -> None:
    async def scene(tools: Devtools, sink: WebSink, health: Health, controls: Controls) -> None:
        tab = await tools.tab()
        await tab.open(sink.url)
        for token, then in (("wrong", "document.body.innerText.includes('That is not the token')"), ("k&y +1", LIVE)):
            await tab.until("document.readyState === 'complete' && !!document.querySelector('#token')")
            assert (await tab.run("getComputedStyle(document.querySelector('form')).maxWidth")) == "360px"  # styled
            await tab.run(f"document.querySelector('#token').value = {token!r}")
            await tab.click("button")
            await tab.until(then)
        other = await tools.tab()
        await other.open(str(yarl.URL(sink.url) % {"token": "k&y +1"}))
        await other.until(LIVE)
        assert await other.run("location.href") == sink.url
        assert await other.run("document.cookie") == ""

    play(scene, token="k&y +1")


def test_lost_cameras_and_lost_connections_are_said_and_come_back(address: str, results: list[Result]) -> None:
    health, controls = Health(), Controls()
    health.source.name = "hall camera"
    sink = WebSink(health, port=0)
    port = int(sink.url.rstrip("/").rpartition(":")[2])
    sinks = [sink]

    async def scene() -> None:
        async with devtools(address) as tools:
            tab = await tools.tab()
            await tab.open(sink.url)
            await tab.until(LIVE)
            controls.pause(True)
            health.source.state = "lost 4 s ago, opening again"
            said = "!document.querySelector('#notice').hidden && document.querySelector('#notice').textContent"
            assert await tab.until(said) == "hall camera: lost 4 s ago, opening again"
            health.source.state = "ok"
            controls.pause(False)
            await tab.until(LIVE + " && document.querySelector('#notice').hidden")
            await asyncio.to_thread(sinks.pop().close)
            assert "connection" in await tab.until(said)
            sinks.append(await asyncio.to_thread(lambda: WebSink(health, port=port)))
            await tab.until(LIVE + " && document.querySelector('#notice').hidden")

    with fed(sinks, results, health, controls):
        asyncio.run(scene())
    sinks[0].close()


def test_it_fits_a_phone(play: Callable[..., None]) -> None:
    async def scene(tools: Devtools, sink: WebSink, health: Health, controls: Controls) -> None:
        tab = await tools.tab()
        await tab.size(360, 740, 2, mobile=True, dark=True)
        await tab.open(sink.url)
        await tab.until(LIVE + " && document.querySelectorAll('.card').length === 2")
        assert await tab.run("document.querySelector('#layers').open") is False
        await tab.click("summary")
        await tab.run("document.querySelectorAll('[aria-pressed=false]').forEach((button) => button.click())")
        assert await tab.run("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
        small = (
            "[...document.querySelectorAll('button, summary')].map((e) => e.getBoundingClientRect())"
            ".filter((r) => r.height < 44 || r.width < 44).length"
        )
        assert await tab.run(small) == 0
        unnamed = (
            "[...document.querySelectorAll('canvas, button')].filter((e) => !(e.ariaLabel || e.textContent)).length"
        )
        assert await tab.run(unnamed) == 0
        assert await tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 22)"

    play(scene)
