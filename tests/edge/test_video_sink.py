"""The annotated video: what plays where, how long it lasts, what is left of it when things go wrong."""

from __future__ import annotations

import asyncio
import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import chromium, devtools, running_chromium

from edge.errors import EdgeError
from edge.overlay import Overlay
from edge.sinks.video import VideoSink
from edge.types import Frame, Result

ROOT = Path(__file__).parent.parent.parent
ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")


class Plain(Overlay):
    """Shows the picture alone, so that what is read back can be compared."""

    def draw(self, result: Result, *_: object, **__: object) -> np.ndarray:
        return result.frame.image


def result(index: int, time: float, size: tuple[int, int] = (96, 64)) -> Result:
    """Frame ``index`` is a gray whose value says which it is."""
    return Result(Frame(np.full((size[1], size[0], 3), 8 * (index % 30), np.uint8), time, index), "test", (), {})


def shown(path: Path) -> list[int]:
    """The numbers of the frames in a video."""
    capture = cv2.VideoCapture(str(path))
    seen = []
    while True:
        there, image = capture.read()
        if not there:
            capture.release()
            return seen
        seen.append(round(float(image.mean()) / 8))


def written(path: Path, times: Sequence[float], *, live: bool, fps: float | None = 25.0) -> list[int]:
    sink = VideoSink(path, fps, Plain(), live=live)
    for index, time in enumerate(times):
        sink.write(result(index, time))
    sink.close()
    return shown(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_frame_of_a_file_is_in_each_format_once(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"o{ending}"
    assert written(path, [0.0] * 20, live=False) == list(range(20))
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    assert list(path.parent.iterdir()) == [path]


RATE = 25
STEADY = [index / RATE for index in range(25)]
#: Up to 15 ms early or late, as cameras are; a tenth of a frame's duration in the mean.
UNEVEN = [index / RATE + 0.015 * (-1) ** (index // 3) for index in range(25)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (STEADY, list(range(25))),
        (UNEVEN, list(range(25))),  # no frame twice, none left out
        ([index / 5 for index in range(5)], 21),
        ([index / 12 for index in range(25)], 51),
        ([index / 75 for index in range(29)], 10),
        ([0, 0.04, 0.5, 0.54], [*[0] * 1, *[1] * 11, 2, 3]),
        ([0, 0.04, 3600, 3600.04], 2 + 50 + 1),  # away for an hour: a still of two seconds
        ([1e9, 1e9 + 0.04, 5e8, 5e8 + 0.04], [0, 1, 2, 3]),  # somebody set the clock
    ],
    ids=["steady", "uneven", "5 fps", "12 fps", "75 fps", "a pause", "away", "clock"],
)
def test_a_live_video_lasts_as_long_as_what_it_shows(
    times: list[float], expected: list[int] | int, tmp_path: Path
) -> None:
    seen = written(tmp_path / "o.avi", times, live=True)
    assert seen == sorted(seen)
    if isinstance(expected, list):
        assert seen == expected
    else:
        assert abs(len(seen) - expected) <= 1


def test_the_rate_is_one_that_players_take(tmp_path: Path) -> None:
    for fps, live, expected in ((None, False, 25), (None, True, 25), (1000.0, True, 60), (100.0, False, 100)):
        written(tmp_path / "o.avi", STEADY[:3], live=live, fps=fps)
        assert cv2.VideoCapture(str(tmp_path / "o.avi")).get(cv2.CAP_PROP_FPS) == pytest.approx(expected)


def test_a_picture_of_another_size_is_scaled(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "o.mkv", 25, Plain())
    for index, size in enumerate(((97, 65), (97, 65), (40, 30), (200, 100))):
        sink.write(result(index, 0, size))
    sink.close()
    assert shown(tmp_path / "o.mkv") == [0, 1, 2, 3]
    assert cv2.VideoCapture(str(tmp_path / "o.mkv")).get(cv2.CAP_PROP_FRAME_WIDTH) == 96


def test_what_has_the_name_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    written(path, STEADY[:4], live=False)
    sink = VideoSink(path, 25, Plain())
    for index in range(9):
        sink.write(result(index, 0))
    assert shown(path) == [0, 1, 2, 3]  # still the one before
    assert (tmp_path / "o.partial.mp4").exists()
    sink.close()
    assert shown(path) == list(range(9))
    VideoSink(path, 25, Plain()).close()  # not a single frame
    assert shown(path) == list(range(9))
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_video_sink import Plain, VideoSink, np, Result, Frame
sink = VideoSink(Path(sys.argv[1]), 25, Plain())
noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
for index in range(200):
    sink.write(Result(Frame(np.roll(noise, index), 0, index), "test", (), {}))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("ending", [".avi", ".mkv", ".webm"])
def test_what_a_killed_process_leaves_can_be_played(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"o{ending}"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(Path(__file__).parent)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert len(shown(path)) > 50


@pytest.mark.parametrize(("name", "says"), [("o.gif", r"\.webm; choose"), ("file/o.mp4", "--save-video")])
def test_what_cannot_be_written_is_known_at_once(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgeError, match=says):
        VideoSink(tmp_path / name, 25, Plain())


FULL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_video_sink import EdgeError, Plain, VideoSink, np, Result, Frame
folder = Path(sys.argv[1])
noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
sink = VideoSink(folder / "o.mp4", 25, Plain())
count = 0
try:
    while count < 1000:
        sink.write(Result(Frame(np.roll(noise, count), 0, count), "test", (), {}))
        count += 1
except EdgeError as error:
    print(error)
sink.close()
capture = __import__("cv2").VideoCapture(str(folder / "o.mp4"))
print(count, sum(1 for _ in iter(lambda: capture.read()[0], False)))
(folder / "filler").write_bytes(bytes(1_000_000))
try:
    VideoSink(folder / "p.mp4", 25, Plain())
except EdgeError as error:
    print(error)
print(*sorted(path.name for path in folder.iterdir()))
"""


def test_a_full_disk_ends_a_video_while_it_can_still_be_finished(tmp_path: Path) -> None:
    command = 'mount -t tmpfs -o size=20m none "$1" && exec "$2" -c "$3" "$1" "$4"'
    try:
        can = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(tmp_path)], capture_output=True)
    except FileNotFoundError:
        pytest.skip("no unshare(1) here")
    if can.returncode:
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, "sh", str(tmp_path), sys.executable, FULL, str(Path(__file__).parent)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    full, counts, again, names = done.stdout.splitlines()
    assert full == f"cannot write {tmp_path}/o.mp4: the disk is full; frames written so far are kept"
    wrote, read = counts.split()
    assert wrote == read
    assert int(wrote) > 5
    assert "the disk is full" in again
    assert names == "filler o.mp4"


def test_a_browser_plays_webm(tmp_path: Path) -> None:
    if chromium() is None:
        pytest.skip("no Chromium here")
    written(tmp_path / "o.webm", STEADY, live=True)
    (tmp_path / "page.html").write_text("<video muted></video>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    async def play(address: str) -> str:
        async with devtools(address) as browser:
            tab = await browser.tab()
            await tab.open(f"http://127.0.0.1:{server.server_port}/page.html")
            await tab.until("!!document.querySelector('video')")
            return await tab.run(
                "new Promise(said => { const video = document.querySelector('video');"
                " video.onerror = () => said(video.error.message);"
                " video.onended = () => said(`${video.videoWidth} ${video.videoHeight} ${video.duration}`);"
                " video.src = 'o.webm'; video.play().catch(() => 0); })"
            )

    with running_chromium() as address:
        assert asyncio.run(play(address)) == "96 64 1"
    server.shutdown()
    server.server_close()
