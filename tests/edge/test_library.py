"""docs/library.md: each of its programs runs as it stands and says what it should; all of them are typed."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_servers import http_camera

import edge
from edge import EdgeError, EmotionReader, open_source

ROOT = Path(__file__).parent.parent.parent
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "library.md").read_text(), re.S | re.M)
CAMERA = "reader.watch(0)"
FRAMES = 12


def block(part: str) -> str:
    """The one program that holds a piece of text."""
    (found,) = (text for text in BLOCKS if part in text)
    return found


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, np.ndarray]) -> Path:
    """A folder with the files that the programs name: two people side by side, one of whom smiles."""
    folder = tmp_path_factory.mktemp("material")
    side_by_side = np.hstack([cv2.resize(portraits[name], (435, 510)) for name in ("collins", "hopper")])
    cv2.imwrite(str(folder / "group.jpg"), side_by_side)
    (folder / "photos").mkdir()
    for name, image in portraits.items():
        cv2.imwrite(str(folder / "photos" / f"{name}.jpg"), image)
    writer = cv2.VideoWriter(str(folder / "talk.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (870, 510))
    for _ in range(FRAMES):
        writer.write(side_by_side)
    writer.release()
    return folder


@pytest.fixture
def run(
    material: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], list[str]]:
    """Run a program in that folder; returns the lines it printed."""

    def runs(program: str) -> list[str]:
        monkeypatch.chdir(material)
        exec(compile(program, "library.md", "exec"), {"__name__": "__main__"})
        return capsys.readouterr().out.splitlines()

    return runs


def test_every_program_is_run_by_a_test() -> None:
    parts = (
        *('watch("group.jpg")', "face.id: reading", CAMERA, "cv2.imread", "nowhere.mp4", "SourceOptions("),
        *("JsonLinesSink(", 'Path("photos")', "Veil()", "class Smiles"),
    )
    assert sorted(map(block, parts)) == sorted(BLOCKS)
    for part in ('watch("group.jpg")', "face.id: reading", CAMERA):
        loop = block(part).split("with ")[1]
        assert len(loop.strip().splitlines()) <= 4  # five lines with the import


def test_a_picture(run: Callable[[str], list[str]]) -> None:
    lines = run(block('watch("group.jpg")'))
    assert sorted(line.split()[0] for line in lines) == ["happiness", "neutral"]


def test_a_video(run: Callable[[str], list[str]]) -> None:
    lines = run(block("face.id: reading"))
    assert len(lines) == FRAMES
    assert {line.partition(" ")[2] for line in lines} in (
        {"{1: 'happiness', 2: 'neutral'}"},
        {"{1: 'neutral', 2: 'happiness'}"},
    )


def test_a_camera(run: Callable[[str], list[str]], portraits: dict[str, np.ndarray]) -> None:
    """The same program on a camera that can be had everywhere: one that speaks HTTP. It is left by an interruption."""

    class EnoughError(Exception):
        pass

    seen = []

    def show(*values: object) -> None:
        seen.append(values)
        if len(seen) == 3:
            raise EnoughError

    with http_camera() as camera:
        camera.picture = cv2.imencode(".jpg", portraits["collins"])[1].tobytes()
        program = block(CAMERA).replace(CAMERA, f"reader.watch({camera.url!r})")
        with pytest.raises(EnoughError):
            exec(compile(program, "library.md", "exec"), {"print": show})
    assert [(id, label) for id, label, _ in seen] == [(1, "happiness")] * 3


def test_pictures_that_are_there_already(run: Callable[[str], list[str]]) -> None:
    first, *frames = run(block("cv2.imread"))
    assert "happiness" in first
    assert frames == ["[1, 2]"] * 3


def test_a_mistake_is_one_line(run: Callable[[str], list[str]]) -> None:
    (line,) = run(block("nowhere.mp4"))
    assert line.startswith("sorry: ")
    assert "nowhere.mp4" in line


def test_options_of_a_source(run: Callable[[str], list[str]]) -> None:
    lines = run(block("SourceOptions("))
    assert 1 <= len(lines) <= FRAMES  # in real time: a slow machine drops some
    assert all(re.fullmatch(r"\d+ frames a second, \d+ dropped, [\d.]+ ms", line) for line in lines)


def test_events_and_tables(run: Callable[[str], list[str]], material: Path) -> None:
    run(block("JsonLinesSink("))
    events = [json.loads(line) for line in (material / "talk.jsonl").read_text().splitlines()]
    assert [event["frame"] for event in events] == list(range(FRAMES))
    with (material / "talk.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == sum(len(event["faces"]) for event in events) == 2 * FRAMES


def test_a_folder(run: Callable[[str], list[str]]) -> None:
    rows = [line.split("\t") for line in run(block('Path("photos")'))]
    assert [row[:2] for row in rows] == [["collins.jpg", "happiness"], ["hopper.jpg", "neutral"]]


def test_a_video_without_faces(run: Callable[[str], list[str]], material: Path) -> None:
    run(block("Veil()"))
    with EmotionReader() as reader:
        seen = list(reader.watch(material / "talk.webm"))
    assert len(seen) == FRAMES
    # A head without features may still pass for somebody; the smile is gone.
    assert not any(reading.emotion.label == "happiness" for result in seen for reading in result.readings)


def test_a_sink_of_ones_own(run: Callable[[str], list[str]]) -> None:
    lines = run(block("class Smiles"))
    assert re.fullmatch(r"0.00 s: person [12] smiles", lines[0])
    assert lines[1:] == ["the end", f"{FRAMES} frames"]


def test_people_of_one_source_are_not_those_of_the_next(material: Path) -> None:
    with EmotionReader() as reader:
        for path, ids in ((material / "group.jpg", [1, 2]), (material / "group.jpg", [3, 4])):
            (result,) = reader.watch(path)
            assert [reading.face.id for reading in result.readings] == ids


def test_a_loop_that_is_left_closes_its_source() -> None:
    with EmotionReader() as reader, http_camera() as camera:
        results = reader.watch(camera.url)
        next(results)
        results.close()  # type: ignore[attr-defined]
        sent = camera.sent
        assert not camera.gone.wait(0.3)
        assert camera.sent <= sent + 30  # what was on its way; one a hundredth of a second while it plays


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (None, "cv2.imread returns None"),
        (np.zeros((4, 4), np.uint8), r"uint8 \[4, 4\]"),
        (np.zeros((4, 4, 3), np.float32), r"float32 \[4, 4, 3\]"),
        ([1, 2], "list"),
    ],
)
def test_what_is_no_picture_is_said(picture: object, says: str) -> None:
    with EmotionReader() as reader, pytest.raises(EdgeError, match=says):
        reader.read(picture)  # type: ignore[arg-type]


def test_every_exported_name_is_there() -> None:
    assert {name: getattr(edge, name).__name__ for name in edge.__all__ if name != "__version__"} == {
        name: name for name in edge.__all__ if name != "__version__"
    }
    assert set(edge.__all__) <= set(dir(edge))
    assert edge.open_source is open_source
    with pytest.raises(AttributeError, match="'edge' has no attribute 'nothing'"):
        _ = edge.nothing


def test_every_program_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    files = []
    for number, text in enumerate(BLOCKS):
        files.append(tmp_path / f"program_{number}.py")
        files[-1].write_text(text)
    wrong = tmp_path / "wrong.py"
    wrong.write_text('from edge import EmotionReader\nEmotionReader().read("group.jpg")\n')
    # Strict by pyproject.toml, as make lint is: what that one found out about edge is still known here.
    command = [sys.executable, "-m", "mypy", *map(str, files), str(wrong)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    errors = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, checked.stdout
    assert "wrong.py:2" in errors[0]
