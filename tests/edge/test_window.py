"""The window, on a real X server without a screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
RUN = [sys.executable, "-c", "from edge.cli import main; main()", "--source", "demo"]


@pytest.fixture
def display() -> Iterator[dict[str, str]]:
    """An environment whose DISPLAY is an X server of this test's own."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed: apt install xvfb")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0", "1280x800x24"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()  # the whole line: a server whose reader is gone too early dies of it
    try:
        yield {**os.environ, "DISPLAY": f":{number}"}
    finally:
        server.terminate()
        server.wait()


def test_a_window_opens_and_nothing_is_said(display: dict[str, str]) -> None:
    done = subprocess.run(
        [*RUN, "--max-frames", "20"], env=display, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "frames     20" in done.stdout


def test_q_closes_the_window_and_ends_the_run(display: dict[str, str]) -> None:
    if not shutil.which("xdotool"):
        pytest.skip("xdotool is not installed: apt install xdotool")
    run = subprocess.Popen(RUN, env=display, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    find = ["xdotool", "search", "--name", "edge-run"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and run.poll() is None:
        window = subprocess.run(find, env=display, capture_output=True, text=True).stdout.split()
        if window:  # the demo runs without end in a window: only the key can end it
            subprocess.run(["xdotool", "windowfocus", window[0], "key", "q"], env=display, capture_output=True)
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
    assert done.stderr.splitlines() == ["no display, so no window; --save-video and --jsonl keep what is read"]
