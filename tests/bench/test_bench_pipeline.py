"""edge-bench pipeline: its pictures, its sources, and runs of the real pipeline in processes of their own."""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.effort import Effort
from bench.pipeline.combinations import at_own_rate, combination, combine, shown_source
from bench.pipeline.cpu import metered
from bench.pipeline.keeping import keep
from bench.pipeline.measuring import (
    Subject,
    at_a_rate,
    frame_timing,
    joules_of,
    latency_timing,
    measure_pipeline,
    power_remarks,
)
from bench.pipeline.messages import Block, Job, Turn
from bench.pipeline.promised import PROMISES, Promise, promised_rows
from bench.pipeline.scene import pictures
from bench.pipeline.sources import Opened
from bench.pipeline.table import show
from bench.pipeline.watch import Watch, low_ms
from bench.pipeline.worker import _patience
from bench.power import PowerLog
from bench.power.written import WrittenMeter
from bench.recording import Recording
from bench.result import Result, read_result
from edge.controls import Controls
from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL
from edge.reader import EmotionReader
from edge.types import Frame

ROOT = Path(__file__).parents[2]
MODEL = DEFAULT_MODEL / "model_int8.tflite"

#: Enough to see that all is there; nothing is read from its figures.
GLANCE = Effort("quick", 12, 0.2, 1)
TURN = Turn(frames=12, seconds=0.2, warm=0.0, metered=0.0)


def block_of(times: list[float]) -> Block:
    """A block of frames that took so many seconds."""
    return Block(
        begin=0.0,
        end=1.0,
        times=times,
        latencies=times,
        low_ms=0.0,
        low_latency_ms=0.0,
        faces=len(times),
        came=len(times),
        dropped=0,
        width=640,
        height=480,
        wall={},
        lows={},
        yardstick_ms=1.0,
        cpu={"all": 3.0},
        peak_mb=None,
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One round of the built-in pictures as a video."""
    path = tmp_path_factory.mktemp("clips") / "two.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for image in pictures(2, 320, 240)[:40]:
        writer.write(image)
    writer.release()
    return path


@pytest.mark.parametrize(("faces", "size", "least"), [(0, (320, 240), 0), (1, (640, 480), 1), (5, (320, 240), 5)])
def test_everybody_in_the_pictures_is_found(faces: int, size: tuple[int, int], least: int) -> None:
    images = pictures(faces, *size)
    assert all(image.shape == (size[1], size[0], 3) and image.dtype == np.uint8 for image in images)
    with EmotionReader() as reader:
        found = [len(reader.process(Frame(image, index / 30, index)).readings) for index, image in enumerate(images)]
    assert np.median(found) == least


def test_ten_people_at_three_sizes() -> None:
    with EmotionReader() as reader:
        for size in ((320, 240), (640, 480), (1280, 720)):
            found = [len(reader.read(image)) for image in pictures(10, *size)[::16]]
            assert np.mean(found) >= 8, size


def test_pictures_are_the_same_every_time_and_go_round() -> None:
    images = pictures(2, 320, 240)
    assert all(np.array_equal(*pair) for pair in zip(images, pictures(2, 320, 240), strict=True))
    steps = [np.abs(images[i].astype(int) - images[i - 1]).mean() for i in range(len(images))]
    assert min(steps) > 0  # no picture twice in a row
    assert steps[0] <= max(steps[1:])  # from the last to the first as between any others


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"faces": "11"}, None),
        ({"faces": "one"}, "--faces one"),
        ({"sizes": "640"}, "--size 640"),
        ({"rates": "fast"}, "--rate fast"),
        ({"rates": "0"}, "--rate 0"),
        ({"threads": "0"}, "--threads 0"),
        ({"source": "demo", "faces": "2"}, "leave it out with --source"),
        ({"device": "cuda"}, None),
    ],
)
def test_lists_that_are_written_otherwise(arguments: dict[str, str], says: str | None) -> None:
    if says is None:
        assert len(combine(None, **arguments)) == 1
    else:
        with pytest.raises(EdgeError, match=says):
            combine(None, **arguments)


def test_every_combination_has_a_key_of_its_own() -> None:
    found = combine(None, sizes="320x240,640x480", faces="1,2, 5", rates="max,30", threads="1,2")
    keys = [one.key for one in found]
    assert len(keys) == len(set(keys)) == 24
    assert keys[0] == "mobilenet_v2/model_int8.tflite/1 thread/built-in/320x240/1 face/full speed"
    assert keys[-1] == "mobilenet_v2/model_int8.tflite/2 threads/built-in/640x480/5 faces/30 a second"
    labels = [one.label for one in found]
    assert labels[-1] == "640x480 5 faces 30/s" and len(set(labels)) == 12  # threads have tables of their own
    (again,) = combine(None, source="clips/talk.mp4", rates="max", search_interval=1)
    assert again.key == "mobilenet_v2/model_int8.tflite/default threads/search every 1/talk.mp4/own size/full speed"


def test_a_camera_gives_what_it_gives() -> None:
    own, asked = (at_own_rate(one) for one in combine(None, source="0", rates="max,15"))
    assert own.key.endswith("/0/own size/own rate") and own.label == "0 own rate"
    assert asked.key.endswith("/0/own size/15 a second") and asked.label == "0 15/s"
    assert own.settings["live"] is asked.settings["live"] is True
    assert at_a_rate(own) and at_a_rate(asked) and not at_a_rate(combine(None)[0])


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/home/somebody/talk.mp4", "talk.mp4"),
        ("rtsp://user:secret@camera.local:554/live?token=abc", "rtsp://camera.local:554/live"),
        ("demo", "demo"),
        ("0", "0"),
    ],
)
def test_results_name_no_folders_and_no_secrets(source: str, shown: str) -> None:
    assert shown_source(source) == shown


def test_rows_of_a_run(clip: Path) -> None:
    jobs = [
        Job(model=str(MODEL), faces=2, size=(320, 240)),
        Job(model=str(MODEL), source=str(clip), rate=200.0, size=(160, 120)),
        Job(model=str(DEFAULT_MODEL / "model_int8.onnx"), device="cuda"),
        Job(model=str(MODEL), source=str(clip), video=True),
    ]
    combinations = [combination(job) for job in jobs]
    lines: list[str] = []
    result = measure_pipeline(combinations, GLANCE, inputs="two people", progress=lines.append)
    full, paced, cuda, drawn = result.rows
    assert (result.kind, result.mode, result.inputs) == ("pipeline", "quick", "two people")
    assert len(lines) == len(jobs) + 1  # the first one twice

    assert full.timing is not None and full.latency is not None
    assert full.frames == full.timing.count == full.latency.count >= 12
    assert full.dropped is None and full.faces_per_frame == 2
    assert (full.settings["width"], full.settings["height"], full.settings["input_size"]) == (320, 240, 64)
    names = ["capture", "waiting", "detect", "tracking", "crops", "classify", "other", "sinks"]
    assert [stage.name for stage in full.stages] == names
    assert all(stage.wall_ms is not None and len(stage.lows) == 1 for stage in full.stages)
    cpu = {stage.name for stage in full.stages if stage.cpu_ms}
    assert {"detect", "crops", "classify"} <= cpu
    assert full.cpu_ms and full.load_ms and len(full.timing.yardstick) == len(full.timing.lows) == 1

    # More frames come than anybody can read; the newest wins.
    assert paced.dropped and paced.frames and paced.timing is not None
    assert (paced.settings["width"], paced.settings["rate"], paced.settings["source"]) == (160, 200.0, "two.avi")

    assert (cuda.status, cuda.timing) == ("no runtime", None)
    assert cuda.reason is not None and "cuda" in cuda.reason
    assert drawn.status == "measured" and drawn.settings["width"] == 320

    text = show(result, [one.label for one in combinations])
    assert "quick: rough figures" in text and f"no runtime: {cuda.reason}" in text
    assert "320x240 2 faces max" in text
    tables = text.partition("\nnote:")[0].splitlines()
    assert max(len(line) for line in tables if cuda.reason not in line) <= 100
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


def test_a_runtime_that_crashes_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnxruntime.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    subject = Subject(combination(Job(model=str(DEFAULT_MODEL / "model_int8.onnx"))))
    subject.take_turn(TURN)
    assert subject.failure is not None and subject.failure.reason.startswith("the process ended with exit code 3")


def test_nothing_could_be_measured() -> None:
    job = Job(model=str(MODEL), source="nowhere.mp4")
    with pytest.raises(EdgeError, match=r"cannot open source 'nowhere\.mp4'"):
        measure_pipeline([combination(job)], GLANCE, inputs="nothing")


def test_energy_is_what_was_above_idle(tmp_path: Path) -> None:
    path = tmp_path / "watts"
    path.write_text("2.5")
    block = block_of([0.01] * 10)
    with PowerLog(WrittenMeter(path), every=0.02) as log:
        begin = time.monotonic()
        while log.mean(begin, begin + 0.1) is None:
            time.sleep(0.02)
        block = msgspec.structs.replace(block, begin=begin, end=begin + 0.1)
        assert joules_of(block, log, 0.5) == pytest.approx(0.2)
        assert joules_of(block, log, None) == pytest.approx(0.25)
        assert joules_of(msgspec.structs.replace(block, begin=begin - 9, end=begin - 8), log, None) is None
        assert power_remarks(log, 0.5) == [
            "power: file, what the program that writes watts measures; 0.50 W idle, taken off"
        ]
    assert joules_of(block, None, None) is None and power_remarks(None, None) == []


def test_searches_count_by_their_share() -> None:
    """Of ten frames one is searched: the 10th percentile of all frames would know nothing of it."""
    times, searched = ([0.010] + [0.002] * 9) * 12, ([True] + [False] * 9) * 12
    assert low_ms(times, searched) == pytest.approx(2.8)
    assert low_ms(times[:1], searched[:1]) == pytest.approx(10)
    block = msgspec.structs.replace(block_of(times), low_ms=2.8, low_latency_ms=1.5)
    found = frame_timing([block])
    assert (found.blocks, found.lows) == (pytest.approx((2.0,)), (2.8,))
    assert latency_timing([block]).lows == (1.5,)


def test_what_is_metered_is_as_before(portraits: dict[str, np.ndarray]) -> None:
    with EmotionReader() as reader:
        with metered(reader) as spent:
            assert len(reader.process(Frame(portraits["collins"], 0.0, 0)).readings) == 1
        assert all(seconds > 0 for seconds in spent.values())
        before = dict(spent)
        reader.process(Frame(portraits["collins"], 0.1, 1))
        assert spent == before


def test_a_rate_gives_frames_at_their_moment() -> None:
    job = Job(model=str(MODEL), rate=50.0, size=(160, 120))
    opened = Opened(job)
    frames = opened.source.frames()
    seen = []
    while len(seen) < 10:
        frame = next(frames)
        if frame is not None:
            seen.append(frame.index)
            if len(seen) == 5:
                time.sleep(0.3)  # a reader that takes its time finds the newest frame
    opened.close()
    assert seen == sorted(set(seen))
    assert opened.dropped > 0
    assert opened.came >= opened.dropped + 10


def test_a_camera_that_gives_no_pictures_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.pipeline.worker._SILENCE", 0.1)
    opened = Opened(Job(model=str(MODEL), rate=5.0, size=(160, 120)))
    controls = Controls()
    watch = Watch(TURN, opened, {}, lambda block: None, controls.stop.set, lambda: True)
    with (
        pytest.raises(EdgeError, match="built-in at 5 frames a second: no picture for"),
        _patience(watch, opened, controls),
    ):
        controls.stop.wait(30)
    opened.close()


@pytest.fixture
def result() -> Result:
    with Recording("pipeline", GLANCE) as recording:
        pass
    return recording.result()


def test_a_result_without_a_place_is_kept_elsewhere(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    lost = tmp_path / "file" / "result.json"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    with pytest.raises(EdgeError, match="the result is kept in"):
        keep(result, lost, False)
    (kept,) = (tmp_path / "elsewhere").iterdir()
    assert read_result(kept) == result
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(EdgeError, match="stands above, as JSON"):
        keep(result, lost, False)
    assert json.loads(capsys.readouterr().out)["kind"] == "pipeline"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pipeline", "--source", "/dev/video99"], "/dev/video99 is not there"),
        (["pipeline", "--source", "nowhere.mp4"], "no such file"),
        (["pipeline", "--faces", "11"], "0 to 10 people"),
        (["pipeline", "--size", "64x48"], "160x120 at least"),
        (["pipeline", "--model", "nowhere"], "nowhere is missing"),
        (["pipeline", "--power", "ina219", "--size", "160x120"], "--power ina219: there is none here"),
        (["sustained", "--faces", "1,2"], "one thing at a time"),
        (["promised", "--resnet", str(DEFAULT_MODEL)], "the promise is about resnet18"),
        (["promised", "--resnet", str(ROOT / "models" / "resnet18")], "--image-size 224 --formats onnx"),
    ],
)
def test_mistakes_end_in_one_line(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_promises() -> None:
    assert [promise.words for promise in PROMISES] == ["15-20", "25-30", "60+"]
    for fps, words in ((14.9, "missed"), (15.0, "kept"), (20.0, "kept"), (20.1, "exceeded")):
        assert PROMISES[0].kept(fps) == words
    assert PROMISES[2].kept(600.0) == "kept"
    assert Promise("", "", "", 1, None).words == "1+"


def test_rows_that_were_promised(tmp_path: Path) -> None:
    config = json.loads((ROOT / "models" / "resnet18" / "model_config.json").read_text())
    config["input"]["size"] = 224
    file = config["files"]["model_weights.pth"] | {"metrics": []}
    config["files"]["model.onnx"] = file | {"format": "onnx", "precision": "float32"}
    (tmp_path / "model_config.json").write_text(json.dumps(config))
    rows = promised_rows(tmp_path, None)
    assert [one.key.split("/")[:3] for one, _ in rows] == [
        ["mobilenet_v2", "model_int8.tflite", "default threads"],
        ["resnet18", "model_weights.pth", "default threads"],
        ["resnet18", "model.onnx", "default threads"],
        ["resnet18", "model_weights.pth", "cuda"],
    ]
    assert [one.settings.get("promised_fps") for one, _ in rows] == [None, "15-20", "25-30", "60+"]
    assert all(one.job.source == "demo" and one.job.rate is None for one, _ in rows)
    del config["files"]["model.onnx"]
    (tmp_path / "model_config.json").write_text(json.dumps(config))
    with pytest.raises(EdgeError, match=r"has no model\.onnx"):
        promised_rows(tmp_path, None)
