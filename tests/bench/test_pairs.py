"""edge-bench pairs on this source and on copies in which something slow was planted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.result import read_result
from edge.model import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
FILE = DEFAULT_MODEL / "model_int8.tflite"


def pairs(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, "pairs", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def planted(folder: Path, file: str, head: str, line: str) -> Path:
    """Copy the runtime and write a line after the only place where a file has ``head``."""
    shutil.copytree(ROOT / "edge", folder / "edge", ignore=shutil.ignore_patterns("__pycache__"))
    place = folder / "edge" / file
    text = place.read_text()
    assert text.count(head) == 1
    place.write_text(text.replace(head, f"{head}{line}\n"))
    return folder


ENGINE = ("engines/litert.py", '"""Return logits and valence/arousal; see :class:`edge.engines.Engine`."""\n')
READER = ("reader.py", "        start = time.perf_counter()\n        found = self.following.find(frame)\n")


#: One that no other work on the machine can hide, and one that takes a machine with nothing else to do.
@pytest.mark.parametrize("seconds", ["0.01", pytest.param("0.0003", marks=pytest.mark.bench)])
def test_a_planted_sleep_is_found(seconds: str, tmp_path: Path) -> None:
    tree = planted(tmp_path / "planted", *ENGINE, f"        import time; time.sleep({seconds})")
    written = tmp_path / "pair.json"
    done = pairs("--b", tree, "--file", FILE, "--quick", "--json", written, "--fail-on", "slower")
    assert done.returncode == 1, done.stderr
    assert "times as long as a: slower" in done.stdout
    result = read_result(written)
    assert [row.key for row in result.rows] == ["a", "b"]
    assert result.rows[1].settings["side"] == "planted"  # no path in the record
    assert result.rows[1].settings["verdict"] == "slower"
    assert result.noise is not None and str(tmp_path) not in written.read_text()


@pytest.mark.bench
def test_a_needless_copy_is_found_in_the_whole_reader(tmp_path: Path) -> None:
    """Each frame is turned into floats and back, as a careless author would."""
    line = "        import numpy; frame.image[:] = (frame.image.astype(numpy.float32) / 255 * 255).astype(numpy.uint8)"
    line = line.replace("frame.image[:] =", "_ =")
    tree = planted(tmp_path / "planted", *READER, line)
    done = pairs("--b", tree, "--quick", "--fail-on", "slower")
    assert done.returncode == 1, done.stdout
    assert "times as long as a: slower" in done.stdout


@pytest.mark.bench
def test_a_variable_that_nobody_reads_makes_no_difference() -> None:
    done = pairs("--b-env", "NOBODY_READS_THIS=1", "--file", FILE, "--quick", "--fail-on", "slower")
    assert done.returncode == 0, done.stdout
    assert "no difference that can be told" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "both sides are the same"),
        (("--b", "nowhere"), "nowhere is neither a source tree"),
        (("--b-set", "threads"), "write NAME=VALUE"),
        (("--b-set", "speed=2", "--file", FILE), "no setting 'speed'"),
        (("--b-set", "threads=none", "--file", FILE), "a number from 1 on"),
        (("--b-set", "search_interval=0"), "a number from 1 on"),
        (("--b-set", "detector=eyes", "--quick"), "a side can't be run"),
        (("--b", sys.executable, "--file", "missing/model.tflite"), "model_config.json is missing"),
        (("--b-env", "A=1", "--fail-on", "faster", "--quick", "--file", "missing/model.tflite"), "missing"),
    ],
)
def test_mistakes_end_in_a_line(arguments: tuple[str | Path, ...], message: str) -> None:
    done = pairs(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
