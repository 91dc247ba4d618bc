"""edge-bench compare on result files that are written here, and on what one machine measures."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.effort import QUICK
from bench.recording import Recording
from bench.result import Counts, Result, Row, Stage, Timing, write_result
from edge.bundle import read_bundle, write_config
from edge.model import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]


def timed(level: float, seed: int = 0) -> Timing:
    times = tuple(map(float, level * np.exp(0.005 * np.random.default_rng(seed).standard_normal(12))))
    return Timing(
        count=1200,
        seconds=1.2 * level,
        p50_ms=level,
        p90_ms=level,
        p99_ms=level,
        per_second=1000 / level,
        blocks=times,
        lows=times,
        yardstick=(1.0,) * 12,
    )


@pytest.fixture(scope="module")
def empty() -> Result:
    with Recording("formats", QUICK) as recording:
        pass
    return msgspec.structs.replace(recording.result(), commit="0123456789ab", noise=1.02)


def result(empty: Result, folder: Path, name: str, *rows: Row, **changes: Any) -> Path:
    path = folder / name
    write_result(msgspec.structs.replace(empty, rows=rows, **changes), path)
    return path


def command(*arguments: str | Path, tree: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run ``edge-bench`` of a source tree."""
    code = "from bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tree)},
    )


def verdicts(printed: str) -> dict[str, str]:
    """The verdict of each row: what stands in its last column."""
    lines = printed.split("verdict\n")[1].split("\n\n")[0].splitlines()
    cells = [re.split(r" {2,}", line) for line in lines]
    return {row[0]: row[-1] for row in cells if len(row) == 5}


def test_rows_are_matched_and_judged(empty: Result, tmp_path: Path) -> None:
    failed = Row(key="broken", status="failed", reason="the runtime crashed (SIGILL)")
    before = result(
        empty,
        tmp_path,
        "a.json",
        Row(key="slower", timing=timed(1.0)),
        Row(key="faster", timing=timed(1.0), accuracy=0.84, size_mb=2.0, peak_mb=100),
        Row(key="same", timing=timed(1.0), peak_mb=100),
        Row(key="broken", timing=timed(1.0)),
        Row(key="gone", timing=timed(1.0)),
    )
    after = result(
        empty,
        tmp_path,
        "b.json",
        Row(key="slower", timing=timed(1.1, 1)),
        Row(key="faster", timing=timed(0.9, 1), accuracy=0.83, size_mb=2.5, peak_mb=120),
        Row(key="same", timing=timed(1.001, 1), peak_mb=101),
        failed,
        Row(key="new", timing=timed(1.0)),
    )
    done = command("compare", before, after)
    assert done.returncode == 0, done.stderr
    assert verdicts(done.stdout) == {
        "slower": "slower",
        "faster": "faster",
        "same": "no difference that can be told",
        "broken": "now fails",
        "gone": "gone",
        "new": "new",
    }
    assert "faster: accuracy 84.00 % to 83.00 % (-1.00 points)" in done.stdout
    assert "faster: size 2.000 MB to 2.500 MB" in done.stdout
    assert "faster: peak memory 100 MB to 120 MB" in done.stdout
    assert "same: peak" not in done.stdout
    assert "broken: the runtime crashed (SIGILL)" in done.stdout
    assert "differs:" not in done.stdout
    assert command("compare", before, after, "--fail-on", "slower").returncode == 1
    assert command("compare", before, before, "--fail-on", "slower").returncode == 0


def test_counts_are_compared_to_a_hundredth_of_a_per_cent(empty: Result, tmp_path: Path) -> None:
    def counted(name: str, **counts: int) -> Path:
        rows = [Row(key=key, counts=Counts(instructions=value)) for key, value in counts.items()]
        return result(empty, tmp_path, name, *rows, kind="instructions", noise=None)

    done = command(
        "compare",
        counted("a.json", same=1_000_000, more=1_000_000, fewer=1_000_000),
        counted("b.json", same=1_000_099, more=1_000_101, fewer=999_899),
        "--fail-on",
        "slower",
    )
    assert verdicts(done.stdout) == {"same": "the same", "more": "more", "fewer": "fewer"}
    assert done.returncode == 1


def test_other_devices_kinds_and_environments(empty: Result, tmp_path: Path) -> None:
    row = Row(key="row", timing=timed(1.0))
    here = result(empty, tmp_path, "a.json", row)
    cpu = msgspec.structs.replace(empty.environment.cpu, governor="powersave")
    packages = {**empty.environment.packages, "numpy": "1.0"}
    environment = msgspec.structs.replace(empty.environment, cpu=cpu, packages=packages)
    slow = Row(key="row", timing=timed(1.4))
    other = result(empty, tmp_path, "b.json", slow, environment=environment, noise=None, commit="abc-dirty")
    done = command("compare", here, other)
    assert f"differs: numpy: {empty.environment.packages['numpy']} and 1.0" in done.stdout
    assert "governor: none and powersave" in done.stdout or "and powersave" in done.stdout
    assert "no commit holds (abc-dirty)" in done.stdout
    assert "noise was not measured in both" in done.stdout
    assert "fixed piece of work" not in done.stdout  # another NumPy makes another yardstick
    assert verdicts(done.stdout) == {"row": "slower"}

    stranger = result(empty, tmp_path, "c.json", row, device="raspberry-pi-5")
    refused = command("compare", here, stranger)
    assert refused.returncode == 2 and "--force compares anyway" in refused.stderr
    assert command("compare", here, stranger, "--force").returncode == 0

    counts = result(empty, tmp_path, "d.json", row, kind="instructions")
    assert "nothing in common" in command("compare", here, counts, "--force").stderr


def test_a_camera_sets_the_pace_and_latency_tells(empty: Result, tmp_path: Path) -> None:
    paths = []
    for name, latency, detect in (("a", 10.0, 4.0), ("b", 14.0, 8.0)):
        stages = (Stage(name="detect", wall_ms=detect), Stage(name="crops", wall_ms=1.0))
        paced = Row(key="paced", timing=timed(33.3), latency=timed(latency, 1), stages=stages)
        free = Row(key="free", timing=timed(latency), latency=timed(latency, 1), stages=stages)
        paths.append(result(empty, tmp_path, f"{name}.json", paced, free, kind="pipeline"))
    printed = command("compare", *paths).stdout
    assert verdicts(printed) == {
        "paced": "no difference that can be told",
        "paced (latency)": "slower",
        "free": "slower",
    }
    assert "free: detect 4.00 ms to 8.00 ms" in printed and "crops" not in printed


def test_three_runs_and_their_spread(empty: Result, tmp_path: Path) -> None:
    levels = {"steady": (1.0, 1.002, 1.001), "changed": (1.0, 1.0, 1.2), "lost": (1.0, 1.0, None)}
    paths = [
        result(
            empty,
            tmp_path,
            f"{run}.json",
            *(Row(key=key, timing=timed(level[run], run)) for key, level in levels.items() if level[run]),
        )
        for run in range(3)
    ]
    done = command("compare", *paths, "--fail-on", "slower")
    assert done.returncode == 1, done.stderr
    rows = {line.split()[0]: re.split(r" {2,}", line)[1:] for line in done.stdout.splitlines() if line}
    assert rows["steady"] == ["1.000", "1.002", "1.001", "0.2 %", "none"]
    assert rows["changed"] == ["1.000", "1.000", "1.200", "20.0 %", "3 against 1: slower, 3 against 2: slower"]
    assert rows["lost"] == ["1.000", "1.000", "-", "0.0 %", "3 against 1: gone, 3 against 2: gone"]


def test_a_folder_gives_its_two_newest_of_a_kind(empty: Result, tmp_path: Path) -> None:
    assert "no two results" in command("compare", tmp_path).stderr
    for name, hour, level, kind in (("x", 3, 2.0, "formats"), ("y", 1, 1.0, "formats"), ("z", 2, 1.0, "pipeline")):
        row = Row(key="row", timing=timed(level, hour))
        result(empty, tmp_path, f"{name}.json", row, time=f"2026-01-01T0{hour}:00:00+00:00", kind=kind)
    assert verdicts(command("compare", tmp_path).stdout) == {"row": "slower"}
    assert "two result files" in command("compare", tmp_path / "x.json").stderr


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged bundle with its LiteRT file alone."""
    folder = tmp_path_factory.mktemp("small")
    config = read_bundle(DEFAULT_MODEL).config
    shutil.copy(DEFAULT_MODEL / "model_int8.tflite", folder)
    write_config(
        folder, msgspec.structs.replace(config, files={"model_int8.tflite": config.files["model_int8.tflite"]})
    )
    return folder


def planted(folder: Path, line: str) -> Path:
    """Copy the source and write a line at the beginning of what runs a network in LiteRT."""
    for package in ("edge", "bench", "devices", "train"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    engine = folder / "edge" / "engines" / "litert.py"
    head = '"""Return logits and valence/arousal; see :class:`edge.engines.Engine`."""\n'
    text = engine.read_text()
    assert text.count(head) == 1
    engine.write_text(text.replace(head, f"{head}        {line}\n"))
    return folder


@pytest.mark.bench
def test_a_planted_sleep_is_found_and_nothing_is_between_equals(small: Path, tmp_path: Path) -> None:
    """0.3 ms in the runtime: the same benchmark on this tree, again, and on the planted one."""
    slow = planted(tmp_path / "tree", "import time; time.sleep(0.0003)")
    files = [tmp_path / f"{name}.json" for name in ("first", "second", "third", "planted")]
    for path in files:
        done = command("formats", small, "--quick", "--json", path, tree=slow if path.stem == "planted" else ROOT)
        assert done.returncode == 0, done.stderr
    equal = command("compare", *files[:3], "--fail-on", "slower")
    assert equal.returncode == 0, equal.stdout
    assert re.search(r"% +none$", equal.stdout, re.M) and "against" not in equal.stdout
    found = command("compare", files[0], files[3], "--fail-on", "slower")
    assert found.returncode == 1, found.stdout
    assert set(verdicts(found.stdout).values()) == {"slower"}
