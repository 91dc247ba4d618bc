"""What surrounds the rows of a result: the commit, the machine, and what disturbs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from bench.affinity import parse_processors
from bench.effort import QUICK
from bench.environment import differences, read_environment, remarks
from bench.recording import Recording, read_commit
from bench.result import Result, Row, read_result, write_result
from bench.saving import place
from bench.state import State, read_state, used_by_others
from edge.errors import EdgeError


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_the_checkouts_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("1\n")
    (tmp_path / "inner").mkdir()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")[:12]
    assert read_commit(tmp_path) == commit
    (tmp_path / "result.json").write_text("new")
    assert read_commit(tmp_path) == commit
    (tmp_path / "code.py").write_text("2\n")
    assert read_commit(tmp_path) == f"{commit}-dirty"
    assert read_commit(tmp_path / "inner") is None  # an installation inside of somebody else's checkout


def test_a_recording_becomes_a_file_and_back(tmp_path: Path) -> None:
    with Recording("pipeline", QUICK, "frames") as recording:
        recording.rows.append(Row(key="one"))
        recording.remarks.append("a remark")
    found = recording.result()
    assert (found.kind, found.mode, found.inputs) == ("pipeline", "quick", "frames")
    assert found.remarks[-1] == "a remark"
    assert found.environment.flags is None or "fpu" in found.environment.flags or "fp" in found.environment.flags
    write_result(found, tmp_path / "sub" / "r.json")
    assert read_result(tmp_path / "sub" / "r.json") == found
    with pytest.raises(RuntimeError):
        Recording("pipeline", QUICK).result()


def test_results_never_replace_each_other(tmp_path: Path) -> None:
    with Recording("formats", QUICK) as recording:
        pass
    found: Result = msgspec.structs.replace(recording.result(), commit=None, time="2026-01-02T03:04:05+00:00")
    first = place(found, tmp_path)
    assert first == tmp_path / found.device / f"2026-01-02-v{found.version}-formats.json"
    write_result(found, first)
    assert place(found, tmp_path).name == first.stem + "-2.json"


def test_others_are_seen_and_own_work_is_not() -> None:
    pytest.importorskip("psutil")
    before = read_state(0)
    end = time.perf_counter() + 1.5
    while time.perf_counter() < end:
        sum(range(1000))
    own = time.process_time()
    idle = read_state(0)
    code = "import time\nend = time.perf_counter() + 60\nwhile time.perf_counter() < end: sum(range(1000))"
    # The shell is our child; what it started is nobody's once the shell is gone.
    shell = f"{sys.executable} -c '{code}' >/dev/null 2>&1 & echo $!"
    number = int(subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout)
    try:
        during = read_state(1.5)
    finally:
        subprocess.run(["kill", str(number)], check=True)
    assert during.background is not None and any("python" in one.name for one in during.background)
    with_own, with_other = used_by_others(before, idle), used_by_others(idle, during)
    assert with_own is not None and with_other is not None and own > 0


def state(**known: float) -> State:
    return State(load=0.0, temperatures_c=None, throttling=None, **known)


def test_remarks_name_what_disturbs() -> None:
    environment = msgspec.structs.replace(read_environment(), virtual=False)
    quiet = msgspec.structs.replace(environment, cpu=msgspec.structs.replace(environment.cpu, governor=None, cores=4))
    before = state(others_s=100, stolen_s=1, uptime_s=1000)
    assert remarks(quiet, before, state(others_s=101, stolen_s=1, uptime_s=1100)) == []
    (busy,) = remarks(quiet, before, state(others_s=150, stolen_s=1, uptime_s=1100))
    assert busy.startswith("other work kept 0.5 of 4 cores busy")
    (stolen,) = remarks(quiet, before, state(others_s=100, stolen_s=9, uptime_s=1100))
    assert stolen.startswith("the hypervisor gave 2.0 %")
    powersave = msgspec.structs.replace(quiet.cpu, governor="powersave")
    (clock,) = remarks(msgspec.structs.replace(quiet, cpu=powersave), before, before)
    assert "powersave" in clock
    assert remarks(msgspec.structs.replace(quiet, virtual=True), before, before)[0].startswith("a virtual machine")


def test_differences_of_environments() -> None:
    one = read_environment()
    assert differences(one, one) == []
    other = msgspec.structs.replace(
        one,
        kernel="9.9",
        flags=("fpu", "new"),
        packages={**one.packages, "numpy": "9"},
        variables={"OMP_NUM_THREADS": "3"},
    )
    one = msgspec.structs.replace(one, flags=("fpu", "old"), variables={})
    found = differences(one, other)
    assert any(line.startswith("kernel: ") for line in found)
    assert "processor's flags: only the first has old; only the second has new" in found
    assert f"numpy: {one.packages['numpy']} and 9" in found
    assert "variable OMP_NUM_THREADS: none and 3" in found


@pytest.mark.parametrize(("text", "expected"), [("2", {2}), ("0,2-4", {0, 2, 3, 4})])
def test_processors(text: str, expected: set[int]) -> None:
    assert parse_processors(text) == expected


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "1-"])
def test_processors_written_otherwise(text: str) -> None:
    with pytest.raises(EdgeError, match="--cpu"):
        parse_processors(text)
