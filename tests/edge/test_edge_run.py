"""``edge-run`` as its user meets it: a process with arguments, files, output and an exit code."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from edge.bundle import CONFIG_NAME, read_bundle
from edge.labels import LABELS
from edge.model import DEFAULT_MODEL
from edge.sources.files import VideoSource

ROOT = Path(__file__).parent.parent.parent
EdgeRun = Callable[..., "subprocess.CompletedProcess[str]"]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def copied_bundle(folder: Path) -> Path:
    shutil.copytree(DEFAULT_MODEL, folder)
    return folder


def check_mistake(finished: subprocess.CompletedProcess[str], *says: str) -> None:
    """A user's mistake: exit code 2, one line on stderr, no traceback."""
    assert finished.returncode == 2, finished
    assert len(finished.stderr.strip().splitlines()) == 1, finished.stderr
    assert finished.stderr.startswith("error: ")
    for text in says:
        assert text in finished.stderr


def test_the_demo_finds_two_portraits_and_leaves_video_and_lines(edge_run: EdgeRun, tmp_path: Path) -> None:
    video, jsonl = tmp_path / "deep" / "demo.mp4", tmp_path / "demo.jsonl"
    finished = edge_run("--source", "demo", "--no-window", "--save-video", video, "--jsonl", jsonl)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    events = lines(jsonl)
    assert [event["frame"] for event in events] == list(range(250))
    assert sum(1 for _ in VideoSource(video).frames()) == 250
    counts = Counter(len(event["faces"]) for event in events)
    assert counts[0] < 5
    assert counts[2] > 60
    ids = Counter(face["id"] for event in events for face in event["faces"])
    assert len([id for id, count in ids.items() if count > 20]) <= 4
    assert "frames     250" in finished.stdout
    assert "mostly" in finished.stdout


def test_an_event_is_what_others_read(edge_run: EdgeRun, tmp_path: Path) -> None:
    finished = edge_run("-s", ROOT / "edge/assets/portrait_collins.jpg", "--no-window", "--jsonl", "-")
    assert finished.returncode == 0, finished.stderr
    (line,) = finished.stdout.splitlines()  # the summary is on stderr, so that stdout can be piped
    event = json.loads(line)
    assert set(event) == {"schema", "source", "frame", "time", "faces", "timings_ms"}
    assert (event["schema"], event["frame"], event["time"]) == (1, 0, 0.0)
    (face,) = event["faces"]
    assert set(face) == {"id", "box", "score", "emotion", "probabilities", "valence", "arousal"}
    assert list(face["probabilities"]) == list(LABELS)
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert face["emotion"] == max(face["probabilities"], key=face["probabilities"].get) == "happiness"
    assert face["valence"] > 0.3
    assert set(event["timings_ms"]) == {"detect", "track", "crop", "classify", "total", "latency"}


def test_a_frame_without_faces_is_an_empty_list(edge_run: EdgeRun, tmp_path: Path) -> None:
    import numpy as np

    cv2.imwrite(str(tmp_path / "wall.png"), np.full((240, 320, 3), 140, np.uint8))
    finished = edge_run("-s", tmp_path / "wall.png", "--no-window", "--jsonl", tmp_path / "out.jsonl")
    assert finished.returncode == 0, finished.stderr
    assert [event["faces"] for event in lines(tmp_path / "out.jsonl")] == [[]]


def test_one_face(edge_run: EdgeRun, clips: Path, tmp_path: Path) -> None:
    finished = edge_run(
        "--source",
        clips / "one_face.mp4",
        "--no-window",
        "--save-video",
        tmp_path / "o.mp4",
        "--jsonl",
        tmp_path / "o.jsonl",
    )
    assert finished.returncode == 0, finished.stderr
    events = lines(tmp_path / "o.jsonl")
    single = [event for event in events if len(event["faces"]) == 1]
    assert len(events) == 62
    assert len(single) >= 60
    assert {event["faces"][0]["id"] for event in single} == {1}
    happy = sum(event["faces"][0]["emotion"] == "happiness" for event in single)
    assert happy >= 0.9 * len(single)
    assert sum(1 for _ in VideoSource(tmp_path / "o.mp4").frames()) == 62


def test_two_faces(edge_run: EdgeRun, clips: Path, tmp_path: Path) -> None:
    edge_run("--source", clips / "two_faces.mp4", "--no-window", "--jsonl", tmp_path / "o.jsonl")
    assert [sorted(f["id"] for f in event["faces"]) for event in lines(tmp_path / "o.jsonl")] == [[1, 2]] * 56


def test_three_faces_walking_never_swap(edge_run: EdgeRun, clips: Path, tmp_path: Path) -> None:
    edge_run("--source", clips / "three_faces_walking.mp4", "--no-window", "--jsonl", tmp_path / "o.jsonl")
    events = lines(tmp_path / "o.jsonl")
    assert sum(len(event["faces"]) == 3 for event in events) >= 37
    assert {face["id"] for event in events for face in event["faces"]} == {1, 2, 3}
    # The three walk side by side and never change places: ids from left to right are the same in every frame.
    orders = {
        tuple(f["id"] for f in sorted(e["faces"], key=lambda f: f["box"][0])) for e in events if len(e["faces"]) == 3
    }
    assert len(orders) == 1


def test_missing_and_damaged_models(edge_run: EdgeRun, tmp_path: Path) -> None:
    demo = ("--source", "demo", "--no-window", "--max-frames", "1")
    check_mistake(edge_run(*demo, "--model", tmp_path / "nowhere"), "nowhere is missing")
    bundle = copied_bundle(tmp_path / "bundle")
    name = next(iter(read_bundle(bundle).config.files))
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(bytes(data))
    check_mistake(edge_run(*demo, "--model", bundle / name), name, "damaged", "sha256")
    (bundle / CONFIG_NAME).write_text('{"schema_version": 1')
    check_mistake(edge_run(*demo, "--model", bundle), CONFIG_NAME, "not a valid model config")
    (bundle / CONFIG_NAME).unlink()
    check_mistake(edge_run(*demo, "--model", bundle), CONFIG_NAME, "is missing")


def test_a_pickle_with_code_is_refused_and_does_not_run(
    edge_run: EdgeRun, tmp_path: Path, trap: tuple[object, Path]
) -> None:
    pytest.importorskip("torch")
    from edge.bundle import describe_file, write_config

    bundle = copied_bundle(tmp_path / "bundle")
    path = bundle / "model_weights.pth"
    path.write_bytes(pickle.dumps(trap[0]))
    import msgspec

    config = msgspec.structs.replace(
        read_bundle(bundle).config, files={path.name: describe_file(path, "pth", "float32")}
    )
    write_config(bundle, config)  # with the right hash: it is the loader that has to refuse
    check_mistake(edge_run("--source", "demo", "--no-window", "--model", path), "model_weights.pth", "refused")
    assert not trap[1].exists()


def test_a_config_that_does_not_fit_its_weights(edge_run: EdgeRun, tmp_path: Path) -> None:
    import msgspec

    from edge.bundle import write_config

    bundle = copied_bundle(tmp_path / "bundle")
    config = read_bundle(bundle).config
    write_config(bundle, msgspec.structs.replace(config, labels=config.labels[:7]))
    finished = edge_run("--source", "demo", "--no-window", "--model", bundle)
    check_mistake(finished, str(bundle), "config")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--source", "nowhere.mp4"), "nowhere.mp4"),
        (("--source", "97"), "camera '97'"),
        (("--source", "demo", "--detector", "haar"), "unknown detector"),
        (("--source", "demo", "--device", "tpu"), "unknown device"),
        (("--source", "demo", "--device", "cuda"), "cuda"),
        (("--source", "demo", "--save-video", "out.gif"), ".gif"),
    ],
)
def test_wrong_arguments_are_one_line(edge_run: EdgeRun, arguments: tuple[str, ...], says: str) -> None:
    check_mistake(edge_run(*arguments, "--no-window"), says)


def test_an_unwritable_output_is_known_before_the_first_frame(edge_run: EdgeRun, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for option, name in (("--jsonl", "o.jsonl"), ("--save-video", "o.mp4")):
        finished = edge_run("--source", "demo", "--no-window", option, tmp_path / "file" / name)
        check_mistake(finished, name, option)
        assert finished.stdout == ""


def test_a_full_disk_ends_the_run_and_keeps_what_was_written(edge_run: EdgeRun, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    finished = edge_run("--source", "demo", "--no-window", "--jsonl", "/dev/full")
    assert finished.returncode == 2
    assert "No space left" in finished.stderr.splitlines()[-1]


def test_a_video_that_breaks_off_keeps_its_results(edge_run: EdgeRun, clips: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    frames = [frame for frame in VideoSource(clips / "one_face.mp4").frames() if frame]
    size = frames[0].image.shape[1::-1]
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    for frame in frames:
        writer.write(frame.image)
    writer.release()
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : len(data) - 2000] = bytes(len(data) - 2000 - middle)
    whole.write_bytes(bytes(data))
    video, jsonl = tmp_path / "o.mp4", tmp_path / "o.jsonl"
    finished = edge_run("--source", whole, "--no-window", "--save-video", video, "--jsonl", jsonl)
    check_mistake(finished, "breaks off after")
    events = lines(jsonl)
    assert 20 < len(events) < 62
    assert sum(1 for _ in VideoSource(video).frames()) == len(events)
    assert f"frames     {len(events)}" in finished.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_finishes_the_files(number: int, tmp_path: Path) -> None:
    video, jsonl = tmp_path / "o.mp4", tmp_path / "o.jsonl"
    command = [sys.executable, "-c", "from edge.cli import main; main()", "--source", "demo", "--no-window"]
    process = subprocess.Popen(
        [*command, "--save-video", str(video), "--jsonl", str(jsonl)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not jsonl.exists() or jsonl.stat().st_size < 5000):
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    events = lines(jsonl)
    assert 5 <= len(events) < 250
    assert sum(1 for _ in VideoSource(video).frames()) == len(events)
    assert f"frames     {len(events)}" in out


def test_help_and_version(edge_run: EdgeRun) -> None:
    from edge.version import __version__

    shown = edge_run("--help")
    assert shown.returncode == 0
    for option in ("--source", "--model", "--onnx", "--device", "--detector", "--no-window", "--save-video", "--jsonl"):
        assert option in shown.stdout
    assert edge_run("--version").stdout.strip() == __version__
