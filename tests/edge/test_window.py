"""The window, on a real X server without a screen, driven by real key presses."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.layers import LAYERS
from edge.model import DEFAULT_MODEL, Model, runnable_files
from edge.overlay.layout import BAR_HEIGHT
from edge.palette import RECORDING, WARNING
from edge.sinks.window.choices import Choice, models_of, names_of
from edge.sinks.window.keys import action_of, help_rows
from edge.sinks.window.pace import Pace

ROOT = Path(__file__).parent.parent.parent
RUN = [sys.executable, "-c", "from edge.cli import main; main()", "--source", "demo"]
PATIENCE = 60.0


class XServer:
    """An X server of this test's own; what it shows lies in a file."""

    def __init__(self, folder: Path) -> None:
        read, write = os.pipe()
        options = ["-noreset", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-fbdir", str(folder)]
        self._process = subprocess.Popen(["Xvfb", *options], pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()  # the whole line: a server whose reader is gone too early dies of it
        self.environment = {**os.environ, "DISPLAY": f":{number}", "OMP_NUM_THREADS": "1"}
        self._file = folder / "Xvfb_screen0"

    def screen(self) -> NDArray[np.uint8]:
        """Return what is on the screen, BGR ``[800, 1280, 3]``; the file has the format of xwd (XWDFile.h)."""
        raw = self._file.read_bytes()
        head = struct.unpack(">25I", raw[:100])
        height, line, colors = head[5], head[12], head[19]
        pixels = np.frombuffer(raw, np.uint8, line * height, head[0] + 12 * colors)
        return pixels.reshape(height, line // 4, 4)[:, :, :3].copy()

    def xdotool(self, *arguments: str) -> str:
        done = subprocess.run(["xdotool", *arguments], env=self.environment, capture_output=True, text=True)
        return done.stdout.strip()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XServer]:
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed: apt install xvfb")
    server = XServer(tmp_path_factory.mktemp("screen"))
    yield server
    server.close()


class Run:
    """The program of window_run.py, with the keyboard at its window."""

    def __init__(self, server: XServer, captures: Path) -> None:
        self.server = server
        self.captures = captures
        self.said: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.edge.window_run", str(captures), "a/one.tflite,a/two.onnx"],
            cwd=ROOT,
            env=server.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        until(lambda: {"opened": True} in self.said)
        self.first_screen = server.screen()
        self.tell("go")
        until(lambda: self.frames > 5)
        self.window = server.xdotool("search", "--name", "edge-run").split()[0]
        server.xdotool("windowfocus", "--sync", self.window)
        server.xdotool("mousemove", "1279", "799")  # the pointer would lie on the pictures

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def tell(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def press(self, *keys: str) -> None:
        self.server.xdotool("key", *keys)

    @property
    def frames(self) -> int:
        return sum("frame" in words for words in self.said)

    def pause(self) -> None:
        """Pause, and wait until numbers stand still too."""
        self.press("space")
        before = -1
        while before != self.frames:
            before = self.frames
            time.sleep(0.4)

    def kept(self) -> set[Path]:
        """Events of all screenshots; one that is being written still has a hidden name."""
        return set(self.captures.glob("[!.]*.json"))

    def screenshot(self) -> NDArray[np.uint8]:
        """Press s and return the picture with everything drawn on it."""
        events = self.kept()
        self.press("s")
        until(lambda: self.kept() - events)
        (event,) = self.kept() - events
        return picture(event.with_suffix(".png"))


def picture(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


def until(there: Callable[[], object]) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def share(image: NDArray[np.uint8], color: tuple[int, int, int]) -> float:
    """Return which share of a picture has a colour."""
    return float((image == np.array(color, np.uint8)).all(axis=-1).mean())


@pytest.fixture(scope="module")
def run(server: XServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    if not shutil.which("xdotool"):
        pytest.skip("xdotool is not installed: apt install xdotool")
    run = Run(server, tmp_path_factory.mktemp("captures"))
    yield run
    run.process.kill()
    run.process.wait()


@pytest.fixture
def paused(run: Run) -> Iterator[Run]:
    run.pause()
    yield run
    run.press("space")
    seen = run.frames
    until(lambda: run.frames > seen)


def test_the_window_says_that_it_is_starting_before_there_is_a_frame(run: Run) -> None:
    middle = run.first_screen[200:300, 300:550]
    assert middle.max() > 200  # words
    assert np.median(middle) < 50  # and no picture


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_has_a_key(paused: Run, name: str) -> None:
    key = LAYERS[name][1]
    if name != "stats":  # frames a second go on falling for two seconds
        paused.press("f")
    before = paused.screenshot()
    paused.press(key)
    other = paused.screenshot()
    paused.press(key)
    again = paused.screenshot()
    if name != "stats":
        paused.press("f")
        assert (before == again).all()
    changed = (before != other).any(axis=-1)
    wide = 640  # of the picture; the panel lies right of it
    in_picture = name in ("boxes", "labels", "landmarks")
    assert changed[:, :wide].any() == in_picture
    assert changed[:, wide:].any() != in_picture


def test_pause_stops_and_each_step_moves_by_one_frame(paused: Run) -> None:
    stopped = paused.frames
    time.sleep(0.5)
    assert paused.frames == stopped
    for count, key in enumerate(("period", "n", "Right"), start=1):
        paused.press(key)
        until(lambda: paused.frames >= stopped + count)  # noqa: B023
        time.sleep(0.2)
        assert paused.frames == stopped + count


def test_a_screenshot_is_three_files_of_one_moment_and_the_window_says_where(paused: Run) -> None:
    before = set(paused.captures.iterdir())
    screen = paused.server.screen()
    drawn = paused.screenshot()
    event, one, two = sorted(set(paused.captures.iterdir()) - before, key=lambda path: (path.suffix, path.name))
    stem = event.stem
    assert {one.name, two.name} == {f"{stem}.png", f"{stem}-plain.png"}
    told = msgspec.json.decode(event.read_bytes())
    index = [words["frame"] for words in paused.said if "frame" in words][-1]
    assert told["frame"] == index and f"f{index:06d}" in stem
    plain = picture(event.with_name(f"{stem}-plain.png"))
    assert plain.shape == (480, 640, 3) and drawn.shape == (480, 851, 3)
    assert told["faces"]
    for x, y, w, h in (face["box"] for face in told["faces"]):
        # The drawing leaves the middle of a face as it was.
        place = np.s_[int(y + 0.3 * h) : int(y + 0.7 * h), int(x + 0.3 * w) : int(x + 0.7 * w)]
        assert (drawn[place] == plain[place]).all()
    assert (drawn[:, :640] != plain).any()
    until(lambda: (paused.server.screen()[480:504, :400] != screen[480:504, :400]).any())


def test_x_mirrors_what_is_shown_and_not_what_is_kept_beside_it(paused: Run) -> None:
    paused.press("l", "b", "x")
    drawn = paused.screenshot()
    paused.press("l", "b", "x")
    newest = max(paused.kept(), key=lambda path: path.stat().st_mtime_ns)
    plain = picture(newest.with_name(f"{newest.stem}-plain.png"))
    assert (drawn[:, :640] == plain[:, ::-1]).all()


def test_r_asks_for_a_recording_and_a_red_dot_shows_as_long(run: Run) -> None:
    def red() -> bool:
        return bool(share(run.server.screen()[480 : 480 + BAR_HEIGHT, 600:851], RECORDING) > 0)

    assert not red()
    run.press("r")
    until(lambda: {"recording": True} in run.said)
    until(red)
    run.press("r")
    until(lambda: {"recording": False} in run.said)
    until(lambda: not red())


def test_keys_change_model_and_detector_and_an_error_is_shown(run: Run) -> None:
    def warned() -> bool:
        return bool(share(run.server.screen()[480 : 480 + BAR_HEIGHT, :851], WARNING) > 0.3)

    run.press("c")
    until(lambda: {"model": "two.onnx", "detector": None} in run.said)
    run.press("bracketleft")
    until(lambda: {"model": "one.tflite", "detector": None} in run.said)
    run.press("d")
    until(lambda: {"model": None, "detector": "blazeface-short"} in run.said)
    assert not warned()
    run.press("d")
    until(lambda: {"model": None, "detector": "blazeface-broken"} in run.said)
    until(warned)
    seen = run.frames
    until(lambda: run.frames > seen)  # the run goes on
    run.press("m", "m")  # something newer to say
    until(lambda: not warned())


@pytest.mark.parametrize("key", ["question", "h"])
def test_the_page_of_keys_stands_beside_the_picture(paused: Run, key: str) -> None:
    def panel() -> NDArray[np.uint8]:
        return paused.server.screen()[:480, 640:851]

    before, shown = share(panel(), WARNING), paused.server.screen()[:480, :640]
    paused.press(key)
    until(lambda: share(panel(), WARNING) > before)  # the keys
    assert (paused.server.screen()[:480, :640] == shown).all()
    paused.press(key)
    until(lambda: share(panel(), WARNING) <= before)


def test_tab_goes_from_person_to_person(paused: Run) -> None:
    paused.press("f")
    everybody = paused.screenshot()
    paused.press("Tab")
    one = paused.screenshot()
    assert (one[:, 640:] != everybody[:, 640:]).any()
    paused.press("shift+Tab")
    assert (paused.screenshot() == everybody).all()
    paused.press("f")


def test_a_lost_source_is_said_and_the_old_picture_dimmed(run: Run) -> None:
    def bar() -> float:
        return share(run.server.screen()[480 : 480 + BAR_HEIGHT, :851], WARNING)

    bright = run.server.screen()[:480, :640].mean()
    run.tell("lost")
    until(lambda: bar() > 0.3)
    assert run.server.screen()[:480, :640].mean() < 0.6 * bright
    run.tell("back")
    until(lambda: bar() < 0.3)
    until(lambda: run.server.screen()[:480, :640].mean() > 0.6 * bright)


@pytest.mark.parametrize("size", [(320, 240), (500, 780), (1270, 790)])
def test_the_drawing_fills_a_window_of_any_size(run: Run, size: tuple[int, int]) -> None:
    width, height = size
    run.server.xdotool("windowsize", run.window, str(width), str(height))

    def filled() -> bool:
        """The status bar ends where the window does, and has one colour."""
        screen = run.server.screen()
        line = screen[height - 2, :width]
        return bool((line == line[0]).all() and (line != 0).all() and not screen[height:760, :1240].any())

    try:
        until(filled)
    finally:
        run.server.xdotool("windowsize", run.window, "851", str(480 + BAR_HEIGHT))
        until(lambda: not run.server.screen()[506:760, :1240].any())


class ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, as long as an XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    )


def ask_to_close(display: str, window: int) -> None:
    """Do what a window manager does when its close button is pressed (ICCCM 4.2.8.1, WM_DELETE_WINDOW)."""
    name = ctypes.util.find_library("X11")
    if name is None:
        pytest.skip("libX11 is not installed: apt install libx11-6")
    xlib = ctypes.CDLL(name)
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    xlib.XInternAtom.restype = ctypes.c_ulong
    opened = ctypes.c_void_p(xlib.XOpenDisplay(display.encode()))
    protocols, delete = (xlib.XInternAtom(opened, atom, 0) for atom in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    message = ClientMessage(type=33, window=window, message_type=protocols, format=32)
    message.data[0] = delete
    xlib.XSendEvent(opened, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    xlib.XCloseDisplay(opened)


def test_closing_the_window_ends_it(run: Run) -> None:
    ask_to_close(run.server.environment["DISPLAY"], int(run.window))
    until(lambda: run.process.poll() is not None)
    assert run.process.returncode == 0
    until(lambda: {"ended": True} in run.said)


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (-1, ""),
        (ord("b"), "layer boxes"),
        (ord("B"), "layer boxes"),
        (0x100000 | ord("b"), "layer boxes"),  # GTK with NumLock
        (0x10000 | ord("?"), "help"),
        (0xFF53, "step"),
        (0x270000, "step"),
        (9, "next person"),
        (0x1FE20, "previous person"),
        (27, "quit"),
        (0xFFE1, ""),  # Shift alone
        (ord("y"), ""),
    ],
)
def test_codes_of_every_toolkit_name_their_action(code: int, action: str) -> None:
    assert action_of(code) == action


def test_the_page_of_keys_names_every_key_that_does_something() -> None:
    named = {key for row in help_rows(dict.fromkeys(LAYERS, True)) for key in row.key.split()}
    words = {"space": " ", "right": "\uff53", "Tab": "\t", "Esc": "\x1b"}
    assert all(action_of(ord(words.get(key, key))) for key in named)
    typed = {chr(code) for code in range(33, 127) if action_of(code)}
    assert typed - named == {key.upper() for key in typed if key.islower()}


def test_models_to_change_to_are_those_that_can_run(tmp_path: Path) -> None:
    packaged = runnable_files(DEFAULT_MODEL)
    assert packaged
    model = Model(threads=1)
    assert models_of(model) == [path.resolve() for path in packaged]
    model.close()
    copy = tmp_path / "mine"
    shutil.copytree(DEFAULT_MODEL, copy)
    other = Model(copy / packaged[0].name, threads=1)
    files = models_of(other)
    other.close()
    assert files[0] == copy.resolve() / packaged[0].name and set(packaged) <= set(files)
    assert names_of(files)[0] == f"mine/{packaged[0].name}"


def test_a_choice_begins_at_what_runs_and_goes_past_what_did_not_load() -> None:
    choice = Choice(["a/x.onnx", "a/y.onnx", "z.tflite"])
    assert choice.move(1, "y.onnx on ONNX Runtime") == 2
    assert choice.move(1, "y.onnx on ONNX Runtime") == 0
    assert choice.move(-1, "y.onnx on ONNX Runtime") == 2
    assert Choice(["one"]).move(1, "one") is None


@pytest.mark.parametrize(("fps", "least"), [(50.0, 0.2), (None, 0.1)])
def test_a_file_plays_no_faster_than_filmed(fps: float | None, least: float) -> None:
    pace, stop = Pace(fps, live=False), threading.Event()
    begin = time.perf_counter()
    for index in range(11):
        pace.wait(index / 100, stop)
    assert time.perf_counter() - begin >= least - 1e-3


def test_a_camera_has_its_own_pace() -> None:
    pace = Pace(0.001, live=True)
    for index in range(3):
        pace.wait(float(index), threading.Event())  # would take half an hour


def test_nothing_is_held_back_once_the_run_is_to_end() -> None:
    pace, stop = Pace(0.001, False), threading.Event()
    pace.wait(0.0, stop)
    threading.Timer(0.05, stop.set).start()
    pace.wait(1000.0, stop)  # due in a quarter of an hour
    assert stop.is_set()


def test_a_window_opens_and_nothing_is_said(server: XServer) -> None:
    done = subprocess.run(
        [*RUN, "--max-frames", "20"], env=server.environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "frames     20" in done.stdout


def test_q_closes_the_window_and_ends_the_run(server: XServer) -> None:
    if not shutil.which("xdotool"):
        pytest.skip("xdotool is not installed: apt install xdotool")
    run = subprocess.Popen(
        RUN, env=server.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and run.poll() is None:
        window = server.xdotool("search", "--name", "edge-run").split()
        if window:  # the demo runs without end in a window: only the key can end it
            server.xdotool("windowfocus", window[0], "key", "q")
        time.sleep(0.5)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 0, err
    assert "frames" in out


@pytest.mark.parametrize("stale", [{}, {"DISPLAY": ":4242"}, {"DISPLAY": "nonsense"}], ids=["none", "dead", "nonsense"])
def test_without_a_display_it_is_headless_by_itself(stale: dict[str, str]) -> None:
    bare = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    run = [*RUN, "--max-frames", "5"]
    done = subprocess.run(run, env={**bare, **stale}, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "frames     5" in done.stdout
    assert done.stderr.splitlines() == ["no display, so no window; --save-video, --jsonl or --web show what is read"]
