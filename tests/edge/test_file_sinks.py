"""JSON Lines and CSV that grow for months: rotation, full disks, files moved away, processes killed."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.errors import EdgeError
from edge.events import encode, event
from edge.health import Health
from edge.outlet import Outlet
from edge.sinks.jsonl import JsonLinesSink
from edge.sinks.table import COLUMNS, CsvSink
from edge.types import Emotion, Face, Frame, Reading, Result

ROOT = Path(__file__).parent.parent.parent
LABELS = ("calm", "not, calm")
IMAGE = np.zeros((2, 2, 3), np.uint8)


def result(index: int, faces: int = 1, labels: tuple[str, ...] = LABELS) -> Result:
    readings = tuple(
        Reading(
            Face((1.25, 2.0, 30.5, 31.0), 0.9, (), id),
            Emotion((0.25, *[0.75 / (len(labels) - 1)] * (len(labels) - 1)), labels, 0.5, -0.5),
        )
        for id in range(1, faces + 1)
    )
    return Result(Frame(IMAGE, index / 25, index), "test", readings, {"total": 1.0})


def frames(path: Path) -> list[int]:
    """The frame numbers of a file; every line of it must be whole."""
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line)["frame"] for line in text.splitlines()]


def rotated(path: Path) -> list[Path]:
    """The earlier files, oldest first, and the file itself."""
    earlier = sorted(path.parent.glob(f"{path.stem}.*{path.suffix}"), key=lambda p: -int(p.stem.rpartition(".")[2]))
    return [*earlier, *([path] if path.exists() else [])]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let the system refuse to make any file larger, as a full disk does: a part of what comes last is still taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("size", "keep", "count"),
    [(1000, 50, 40), (1000, 3, 40), (1000, 1, 40), (1, 100, 30), (10**6, 3, 40)],
)
def test_rotation_keeps_the_newest_lines_each_once(tmp_path: Path, size: int, keep: int, count: int) -> None:
    path = tmp_path / "deep" / "talk.one.jsonl"
    sink = JsonLinesSink(path, rotate_bytes=size, keep=keep)
    for index in range(count):
        sink.write(result(index))
    sink.close()
    groups: list[list[int]] = [[]]
    room = size
    for index in range(count):
        length = len(encode(result(index))) + 1
        if length > room and groups[-1]:
            groups.append([])
            room = size
        groups[-1].append(index)
        room -= length
    assert [frames(file) for file in rotated(path)] == groups[-keep - 1 :]


def test_without_rotation_a_run_begins_anew_and_opening_again_within_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    for append, expected in ((False, [0]), (True, [0, 0]), (False, [0])):
        sink = JsonLinesSink(path, append=append)
        sink.write(result(0))
        sink.close()
        assert frames(path) == expected


def test_with_rotation_a_service_that_starts_again_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    for index in range(30):
        sink = JsonLinesSink(path, rotate_bytes=1000, keep=20)
        sink.write(result(index))
        sink.close()
    files = rotated(path)
    assert [frame for file in files for frame in frames(file)] == list(range(30))
    assert 1 < len(files) < 12  # starting again alone makes no new file


def test_fewer_are_kept_than_before(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    for keep in (6, 2):
        sink = JsonLinesSink(path, rotate_bytes=1, keep=keep)
        for index in range(10):
            sink.write(result(index))
        sink.close()
    assert len(rotated(path)) == 3


def test_a_rotation_that_was_cut_short_is_made_up_for(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    # As a run leaves it that is killed after it made room for name.1.jsonl.
    for name, index in (("o.3.jsonl", 0), ("o.2.jsonl", 1), ("o.jsonl", 2)):
        (tmp_path / name).write_bytes(encode(result(index)) + b"\n")
    sink = JsonLinesSink(path, rotate_bytes=1, keep=3)
    sink.write(result(3))
    sink.close()
    assert [frames(file) for file in rotated(path)] == [[0], [1], [2], [3]]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_file_sinks import JsonLinesSink, result
sink = JsonLinesSink(Path(sys.argv[1]), rotate_bytes=2000, keep=500)
print("begun", flush=True)
for index in range(10**9):
    sink.write(result(index))
"""


def test_a_killed_process_leaves_whole_lines_each_once_whenever_it_was(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    for moment in range(3):
        before = sum(len(frames(file)) for file in rotated(path))
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout
        process.stdout.readline()
        deadline = time.monotonic() + 60
        while not (tmp_path / "o.3.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.003 * moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        JsonLinesSink(path, append=True).close()  # what is left of a last line goes
        seen = [frame for file in rotated(path) for frame in frames(file)]
        new = seen[before:]
        assert len(new) > 10
        assert new == list(range(len(new)))
        assert len(rotated(path)) < 500


@pytest.mark.parametrize("torn", [b'{"frame": 1', b"\0" * 5000, b'{"x": "' + b"y" * 200_000])
def test_what_is_left_of_a_last_line_goes(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "o.jsonl"
    path.write_bytes(encode(result(0)) + b"\n" + torn)
    sink = JsonLinesSink(path, append=True)
    sink.write(result(1))
    sink.close()
    assert frames(path) == [0, 1]


def test_what_logrotate_moves_away_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    sink = JsonLinesSink(path)
    sink.write(result(0))
    path.rename(tmp_path / "moved")  # logrotate's create and nocreate
    sink.write(result(1))
    sink.write(result(2))
    assert frames(path) == [1, 2]
    assert frames(tmp_path / "moved") == [0]
    path.unlink()
    path.touch()
    sink.write(result(3))
    assert frames(path) == [3]
    os.truncate(path, 0)  # its copytruncate
    sink.write(result(4))
    sink.close()
    assert frames(path) == [4]


def test_a_full_disk_takes_no_part_of_a_line_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    opened: list[bool] = []

    def make() -> JsonLinesSink:
        opened.append(bool(opened))
        return JsonLinesSink(path, append=opened[-1])

    health = Health()
    outlet = Outlet("jsonl", make, health, attended=False, backoff=(0.01, 0.02))
    with files_end_at(1000):
        for index in range(8):
            outlet.put(result(index))
        until(lambda: "File too large" in health.sinks["jsonl"].state or health.sinks["jsonl"].dropped > 0)
    kept = frames(path)
    assert kept == list(range(len(kept)))
    assert len(kept) >= 3
    until(lambda: health.sinks["jsonl"].state == "ok")
    outlet.put(result(100))
    outlet.close()
    seen = frames(path)
    assert seen[: len(kept)] == kept
    assert seen[-1] == 100
    assert seen == sorted(set(seen))
    assert len(seen) == health.sinks["jsonl"].written == 9 - health.sinks["jsonl"].dropped


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_after_an_error_the_same_sink_can_go_on(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    sink = CsvSink(path, rotate_bytes=600)
    with files_end_at(300), pytest.raises(EdgeError, match=r"cannot write .*o\.csv: File too large; lines written"):
        for index in range(20):
            sink.write(result(index, faces=2))
    sink.write(result(50))
    sink.close()
    rows = table(path)
    assert rows[-1]["frame"] == "50"
    # Both faces of a frame are there or none.
    assert [row["id"] for row in rows[:-1]] == ["1", "2"] * (len(rows) // 2)


def test_a_folder_that_takes_no_renaming_is_known_at_once() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "o.jsonl"
        path.touch()
        path.chmod(0o666)
        Path(name).chmod(0o555)
        user = os.geteuid()
        if user == 0:  # who may rename everywhere
            os.seteuid(65534)
        try:
            JsonLinesSink(path).close()
            with pytest.raises(EdgeError, match="can't rotate"):
                JsonLinesSink(path, rotate_bytes=1000)
        finally:
            os.seteuid(user)
            Path(name).chmod(0o755)


def test_devices_and_pipes_are_never_rotated(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(EdgeError, match="cannot write /dev/full: No space left"):
        JsonLinesSink(Path("/dev/full"), rotate_bytes=10).write(result(0))
    with pytest.raises(EdgeError, match="cannot write /dev/full: No space left"):
        CsvSink(Path("/dev/full"), labels=LABELS)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = CsvSink(pipe, labels=LABELS, rotate_bytes=10)
    assert sink.write(result(0))
    assert os.read(reader, 10_000).decode().count("\n") == 2
    os.close(reader)
    assert not sink.write(result(1))  # nobody reads any more
    sink.close()
    assert list(tmp_path.iterdir()) == [pipe]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.mark.parametrize("labels", [LABELS, None])
def test_a_row_is_a_face_in_a_frame_with_the_numbers_of_its_event(
    tmp_path: Path, labels: tuple[str, ...] | None
) -> None:
    path = tmp_path / "o.csv"
    sink = CsvSink(path, labels=labels)
    assert all(sink.write(result(index, faces)) for index, faces in enumerate((0, 1, 0, 3)))
    sink.close()
    assert path.read_text().splitlines()[0] == ",".join((*COLUMNS, "calm", '"not, calm"'))
    rows = table(path)
    assert [(row["frame"], row["id"]) for row in rows] == [("1", "1"), ("3", "1"), ("3", "2"), ("3", "3")]
    face = event(result(3))["faces"][0]
    assert {name: float(rows[1][name]) for name in ("x", "y", "width", "height")} == dict(
        zip(("x", "y", "width", "height"), face["box"], strict=True)
    )
    assert {label: float(rows[1][label]) for label in LABELS} == face["probabilities"]
    assert rows[1]["emotion"] == face["emotion"] == "not, calm"
    assert [float(rows[1][name]) for name in ("time", "score", "valence", "arousal")] == [0.12, 0.9, 0.5, -0.5]


def test_each_file_of_a_table_begins_with_the_names(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    for start in (0, 20):  # a service that starts again
        sink = CsvSink(path, labels=LABELS, rotate_bytes=400, keep=50)
        for index in range(start, start + 20):
            sink.write(result(index))
        sink.close()
    files = rotated(path)
    assert len(files) > 5
    assert all(file.read_text().count("frame,time") == 1 for file in files)
    assert [int(row["frame"]) for file in files for row in table(file)] == list(range(40))
    assert all(file.stat().st_size <= 400 for file in files)


def test_a_table_with_other_columns_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    for labels in (LABELS, ("calm", "glad", "cross")):
        sink = CsvSink(path, labels=labels, append=True)
        sink.write(result(0, labels=labels))
        sink.close()
    assert [list(table(file)[0])[len(COLUMNS) :] for file in rotated(path)] == [list(LABELS), ["calm", "glad", "cross"]]


def test_a_model_with_other_labels_keeps_the_table_square(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    sink = CsvSink(path, labels=LABELS)
    sink.write(result(0))
    sink.write(result(1, labels=("calm", "glad", "cross")))
    sink.close()
    first, second = table(path)
    assert set(first) == set(second)
    assert (second["calm"], second["not, calm"], second["emotion"]) == ("0.25", "", "glad")
