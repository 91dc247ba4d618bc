"""From rows to one setting: what fits, what is ruled out and why, and a file that edge-run takes."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.candidates import Candidate, candidates
from bench.configuration import options, render, write
from bench.recommend import Limits, choose, closest, misses
from bench.report.gathering import Found
from bench.result import Result, Row, write_result
from edge.errors import EdgeError
from edge.settings.reading import effective
from tests.bench.made_results import BUNDLES, curve, formats_row, pipeline_row, result, sustained_row, timing

replace = msgspec.structs.replace


def candidate(key: str, **changes: Any) -> Candidate:
    """A candidate that meets everything below unless it is told otherwise."""
    figures: dict[str, Any] = {"fps": 60.0, "accuracy": 0.844, "images": 3191, "memory_mb": 170.0, "latency_ms": 12.0}
    return Candidate(key, {}, **({"evidence": "measured", "temperature": 65.0} | figures | changes))


LIMITS = Limits(fps=15, temperature=70, accuracy=0.84, memory_mb=200, latency_ms=50)


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, []),
        ({"fps": 14.9}, []),  # a run held at 15
        ({"fps": 14.0}, ["frames a second of at least 15: 14, 1 too low"]),
        ({"fps": None}, ["frames a second of at least 15: not measured"]),
        ({"temperature": 77.5}, ["temperature of at most 70 °C: 77.5 °C, 7.5 too high"]),
        ({"temperature": None}, []),  # the runtime holds it
        ({"accuracy": 0.834}, ["accuracy of at least 84.0 %: 83.4, 0.6 too low"]),
        ({"accuracy": None}, ["accuracy of at least 84.0 %: not measured"]),
        ({"memory_mb": 250.0}, ["memory of at most 200 MB: 250 MB, 50 too high"]),
        (
            {"latency_ms": 60.0, "memory_mb": None},
            ["memory of at most 200 MB: not measured", "latency of at most 50 ms: 60 ms, 10 too high"],
        ),
    ],
)
def test_a_limit_that_is_missed_is_told_and_by_how_much(changes: dict[str, Any], missed: list[str]) -> None:
    found = misses(candidate("a", **changes), LIMITS)
    assert [f"{miss.limit}: {miss.words}" for miss in found] == missed


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ([candidate("slow", fps=30), candidate("fast", fps=60)], "fast"),
        # 0.5 points lie within what 3,191 faces can tell, 5 don't.
        ([candidate("right", accuracy=0.849, fps=30), candidate("fast", fps=60)], "fast"),
        ([candidate("right", accuracy=0.894, fps=30), candidate("fast", fps=60)], "right"),
        ([candidate("quick", evidence="quick", fps=90), candidate("normal", fps=20)], "normal"),
        ([candidate("guess", evidence="estimate", fps=90), candidate("quick", evidence="quick", fps=20)], "quick"),
        ([candidate("hot", temperature=80.0, fps=90), candidate("cool", fps=20)], "cool"),
        ([candidate("unknown", temperature=None, fps=90), candidate("cool", fps=20)], "cool"),
        ([candidate("unknown", temperature=None, fps=90), candidate("hot", temperature=80.0)], "unknown"),
        ([candidate("unknown", accuracy=None, fps=90), candidate("known", fps=20)], "known"),
        ([candidate("large", memory_mb=190.0), candidate("small", memory_mb=90.0)], "small"),
        ([candidate("hot", temperature=80.0)], None),
    ],
)
def test_one_is_recommended(found: list[Candidate], best: str | None) -> None:
    choice = choose(found, LIMITS)
    assert (choice.best and choice.best.key) == best
    assert best is None or choice.best in choice.front


def test_what_it_rests_on_is_said() -> None:
    assert "rough" in " ".join(choose([candidate("a", evidence="quick")], LIMITS).why)
    assert "ESTIMATE" in " ".join(choose([candidate("a", evidence="estimate")], LIMITS).why)
    assert choose([candidate("a", temperature=None)], LIMITS).unproved[0].startswith("70 °C")
    assert choose([candidate("a")], LIMITS).unproved == ()


def test_the_front_is_of_what_fits_and_holds_accuracy_speed_and_memory() -> None:
    found = [
        candidate("right", accuracy=0.9, fps=20),
        candidate("fast", fps=60),
        candidate("small", fps=20, memory_mb=90.0),
        candidate("beaten", fps=50, memory_mb=180.0),
        candidate("hot", temperature=80.0, fps=99),
    ]
    choice = choose(found, LIMITS)
    assert [one.key for one in choice.front] == ["right", "fast", "small"]
    assert [one.key for one, _ in choice.ruled_out] == ["hot"]


def test_what_comes_closest_is_the_one_whose_worst_miss_is_smallest() -> None:
    found = [
        candidate("hot", temperature=77.0),  # a tenth too hot
        candidate("wrong", accuracy=0.83),  # a hundredth too wrong
        candidate("both", accuracy=0.839, temperature=90.0),
        candidate("unknown", accuracy=None),
    ]
    near = closest(choose(found, LIMITS))
    assert near is not None and near[0].key == "wrong" and near[1][0].words == "83.0, 1 too low"


def results(*changed: Result) -> Found:
    return Found(
        changed
        or (
            result("formats", formats_row(), formats_row("model.onnx", 1.9, 0.8433)),
            result("pipeline", *(pipeline_row(faces, p50=5.0 + faces) for faces in (1, 2, 5, 10))),
            result("sustained", sustained_row(curve(fps=100.0, hottest=69.0))),
        )
    )


def test_rows_of_a_setting_are_joined() -> None:
    (one,) = [c for c in candidates(results(), 1) if c.evidence == "measured"]
    assert one.accuracy == 0.8442 and one.images == 3191 and one.memory_mb == 171.0
    assert one.temperature == pytest.approx(69.0, abs=0.6)
    assert one.fps == pytest.approx(82.0, abs=1)  # the end of the long run, when it was throttled
    assert one.latency_ms == timing(1.3 * 6.0).p90_ms


@pytest.mark.parametrize(("faces", "fps"), [(1, 163), (2, 140), (3, 98), (10, 65)])
def test_speed_is_that_with_as_many_faces_or_more(faces: int, fps: float) -> None:
    found = Found((result("pipeline", *(pipeline_row(n, p50=5.0 + n) for n in (1, 2, 5, 10))),))
    (one,) = candidates(found, faces)
    assert one.fps == pytest.approx(fps, abs=1)
    assert candidates(found, 11) == []


def test_a_file_that_no_frame_ran_is_an_estimate_with_its_recipe() -> None:
    estimate = next(c for c in candidates(results(), 1) if c.evidence == "estimate")
    base = pipeline_row(1, p50=6.0)
    assert base.timing
    frame = 1e3 / base.timing.per_second - 0.35 * 6.0 + 1.9
    assert estimate.fps == pytest.approx(1e3 / frame)
    assert estimate.memory_mb is None and estimate.temperature is None and estimate.accuracy == 0.8433
    assert "estimate: a frame of mobilenet_v2/model_int8.tflite" in estimate.sources["fps"]


def test_quick_accuracy_makes_a_setting_quick() -> None:
    found = Found((result("formats", formats_row(), mode="quick"), result("pipeline", pipeline_row())))
    assert [one.evidence for one in candidates(found, 1)] == ["quick"]


def test_a_run_that_was_held_at_a_rate_is_a_setting_of_its_own() -> None:
    base = sustained_row(curve(fps=15.0, hottest=60.0))
    slow = replace(base, key=base.key + "/15", settings={**base.settings, "rate": 15.0})
    hot = sustained_row(curve(fps=80.0, hottest=84.0))
    found = Found((result("formats", formats_row()), result("sustained", hot, replace(slow, curve=held(slow)))))
    choice = choose(candidates(found, 1), Limits(fps=15, temperature=70, accuracy=0.84))
    assert choice.best is not None and choice.best.key.endswith("/15")
    made = {option.name: option.value for option in options(choice.best, Limits(fps=15, temperature=70))}
    assert made["max_fps"] == 15 and made["max_temperature"] == 70


def held(row: Row) -> tuple[Any, ...]:
    return tuple(replace(sample, fps=14.98, throttled=False) for sample in row.curve)


def test_the_file_is_what_edge_run_takes(tmp_path: Path) -> None:
    limits = Limits(fps=15, temperature=70, accuracy=0.84)
    choice = choose(candidates(results(), 1), limits)
    assert choice.best is not None
    text = render(choice, options(choice.best, limits), limits, result("formats"))
    write(text, tmp_path / "edge-run.toml")
    settings = effective({}, {}, tmp_path / "edge-run.toml").settings
    assert (settings.max_fps, settings.max_temperature, settings.threads) == (15, 70, 1)
    assert (settings.detector, settings.search_interval, settings.camera_size) == ("blazeface", 10, "640x480")
    assert settings.latency_budget == pytest.approx(1e3 / 15, abs=0.1) and settings.onnx is False
    lines = text.splitlines()
    values = [index for index, line in enumerate(lines) if line and not line.startswith("#")]
    assert len(values) == len(tomllib.loads(text)) and all(lines[index - 1].startswith("# ") for index in values)
    for words in ("84.4 % (3191 faces, formats of 2026-12-01)", "sustained of 2026-12-01", "Asked for: 15 frames"):
        assert words in " ".join(text.replace("\n# ", " ").split())
    write(text, tmp_path / "edge-run.toml")  # an earlier recommendation may be replaced


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("web_token = 'x'\n")
    with pytest.raises(EdgeError, match="was not made by edge-bench"):
        write("# Recommended by edge-bench", tmp_path / "mine.toml")


def test_a_model_that_is_not_packaged_has_to_be_said_where() -> None:
    row = pipeline_row(network="resnet18")
    found = Found((result("formats", formats_row(network="resnet18", accuracy=0.85)), result("pipeline", row)))
    (one,) = candidates(found, 1)
    with pytest.raises(EdgeError, match="--bundle"):
        options(one, Limits())


def test_the_onnx_file_of_the_packaged_model_is_asked_for() -> None:
    row = pipeline_row(file="model_int8.onnx")
    found = Found((result("formats", formats_row("model_int8.onnx", 1.1, 0.8417)), result("pipeline", row)))
    (one,) = candidates(found, 1)
    made = {option.name: option.value for option in options(one, Limits())}
    assert made["onnx"] is True and "max_fps" not in made and "model" not in made
    assert one.settings["bundle"] == BUNDLES["mobilenet_v2"]


def edge_bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return command("bench.cli", "recommend", *arguments)


def command(module: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from {module} import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("results")
    for one in results().results:
        write_result(one, made / f"{one.kind}.json")
    return made


def test_edge_run_takes_what_the_command_wrote(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "edge-run.toml"
    done = edge_bench(folder, "--fps", "15", "--max-temp", "70", "--min-accuracy", "84", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "recommended: mobilenet_v2/model_int8.tflite/1 thread" in done.stdout and "Pareto front" in done.stdout
    shown = command("edge.cli", "config", "--config", out)
    assert shown.returncode == 0, shown.stderr
    assert "max_fps = 15.0  # from" in shown.stdout and "max_temperature = 70.0  # from" in shown.stdout


def test_where_nothing_fits_the_exit_code_is_one_and_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    done = edge_bench(folder, "--min-accuracy", "90", "--out", tmp_path / "x.toml")
    assert done.returncode == 1
    assert "nothing fits. Closest: mobilenet_v2/model_int8.tflite" in done.stdout
    assert "accuracy of at least 90.0 % (84.4, 5.6 too low)" in done.stdout
    assert not (tmp_path / "x.toml").exists()


@pytest.mark.parametrize("case", ["two devices", "no frames"])
def test_mistakes_are_one_line(tmp_path: Path, case: str) -> None:
    write_result(result("formats", formats_row()), tmp_path / "a.json")
    if case == "two devices":
        write_result(result("pipeline", pipeline_row(), device="other"), tmp_path / "b.json")
    done = edge_bench(tmp_path)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert ("one device" if case == "two devices" else "edge-bench pipeline") in done.stderr
