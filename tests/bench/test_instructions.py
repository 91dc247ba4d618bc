"""What edge-bench instructions needs to be right without emulating anything: kinds, parsing, tables, missing tools."""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.effort import NORMAL
from bench.instructions.chips import CHIPS
from bench.instructions.counting import FOLDER, Tally, mean, parse
from bench.instructions.errors import CannotEmulateError
from bench.instructions.measuring import chips_named, difference, files_of, tasks_of
from bench.instructions.table import show
from bench.recording import Recording
from bench.result import Counts, Row
from edge.bundle import read_bundle
from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL

ROOT = Path(__file__).parent.parent.parent

LOAD_STORE, SIMD, DOT = 1, 2, 4
#: Encodings as GNU as 2.40 makes them.
ENCODINGS = {
    "add x0, x1, x2": (0x8B020020, 0),
    "mul w0, w1, w2": (0x1B027C20, 0),
    "b .": (0x14000000, 0),
    "ret": (0xD65F03C0, 0),
    "svc #0": (0xD4000001, 0),
    "nop": (0xD503201F, 0),
    "mrs x0, fpcr": (0xD53B4400, 0),
    "ldr x0, [x1]": (0xF9400020, LOAD_STORE),
    "stp x29, x30, [sp, #-16]!": (0xA9BF7BFD, LOAD_STORE),
    "ldr q0, [x1, #16]": (0x3DC00420, LOAD_STORE),
    "ld1 {v0.16b, v1.16b}, [x0], #32": (0x4CDFA000, LOAD_STORE),
    "st1 {v0.s}[1], [x0]": (0x0D009000, LOAD_STORE),
    "ldxr w0, [x1]": (0x885F7C20, LOAD_STORE),
    "prfm pldl1keep, [x0]": (0xF9800000, LOAD_STORE),
    "fmadd s0, s1, s2, s3": (0x1F020C20, SIMD),
    "fmla v0.4s, v1.4s, v2.4s": (0x4E22CC20, SIMD),
    "fmla v0.4s, v1.4s, v2.s[1]": (0x4FA21020, SIMD),
    "smlal v0.4s, v1.4h, v2.h[3]": (0x0F722020, SIMD),
    "smull v0.8h, v1.8b, v2.8b": (0x0E22C020, SIMD),
    "sqrdmulh v0.4s, v1.4s, v2.4s": (0x6EA2B420, SIMD),
    "fmov x0, d1": (0x9E660020, SIMD),
    "umov w0, v1.b[3]": (0x0E073C20, SIMD),
    "sdot v0.4s, v1.16b, v2.16b": (0x4E829420, SIMD | DOT),
    "udot v31.2s, v30.8b, v29.8b": (0x2E9D97DF, SIMD | DOT),
    "sdot v0.4s, v1.16b, v2.4b[3]": (0x4FA2E820, SIMD | DOT),
    "udot v31.4s, v30.16b, v31.4b[2]": (0x6F9FEBDF, SIMD | DOT),
    "sdot v3.2s, v4.8b, v5.4b[0]": (0x0F85E083, SIMD | DOT),
}


@pytest.fixture(scope="session")
def kinds_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], int]:
    """The plugin's own classification, compiled for this machine."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    library = tmp_path_factory.mktemp("kinds") / "kinds.so"
    source = FOLDER / "instruction.c"
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).kinds_of
    function.argtypes, function.restype = [ctypes.c_uint32], ctypes.c_uint
    return function


@pytest.mark.parametrize("text", ENCODINGS)
def test_kinds(text: str, kinds_of: Callable[[int], int]) -> None:
    word, kinds = ENCODINGS[text]
    assert kinds_of(word) == kinds


def test_the_literals_are_what_an_assembler_makes(tmp_path: Path) -> None:
    assembler, dump = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"
    if shutil.which(assembler) is None:
        pytest.skip("no assembler for aarch64 here; on Debian: apt install binutils-aarch64-linux-gnu")
    (tmp_path / "all.s").write_text("\n".join([".arch armv8.2-a+dotprod", *ENCODINGS]) + "\n")
    subprocess.run([assembler, tmp_path / "all.s", "-o", tmp_path / "all.o"], check=True)
    subprocess.run([dump, "-O", "binary", "-j", ".text", tmp_path / "all.o", tmp_path / "all.bin"], check=True)
    data = (tmp_path / "all.bin").read_bytes()
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
    assert words == [word for word, _ in ENCODINGS.values()]


def test_the_plugin_compiles_without_warnings(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    sources = [FOLDER / "plugin.c", FOLDER / "instruction.c"]
    flags = ["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]
    done = subprocess.run(["gcc", *flags, "-o", tmp_path / "count.so", *sources], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_regions_are_named_and_freed_of_what_marks_cost() -> None:
    regions = "INFO something\nregion 1 mark\nregion 2 searched\nregion 3 followed\nregion 4 followed\n"
    counts = "count 1 7 3 1 0\nWARNING else\ncount 2 107 43 21 5\ncount 3 57 13 11 0\ncount 4 58 13 11 0\n"
    assert parse(regions, counts) == {
        "searched": [Tally(100, 40, 20, 5)],
        "followed": [Tally(50, 10, 10, 0), Tally(51, 10, 10, 0)],
    }


@pytest.mark.parametrize(
    ("regions", "counts"),
    [
        ("", ""),
        ("region 1 mark\n", "count 1 7 3 1 0\n"),
        ("region 1 mark\nregion 2 inference\n", "count 1 7 3 1 0\n"),
        ("region 1 inference\nregion 2 inference\n", "count 1 7 3 1 0\ncount 2 9 3 1 0\n"),
    ],
)
def test_counts_that_do_not_fit_their_regions_are_refused(regions: str, counts: str) -> None:
    with pytest.raises(CannotEmulateError, match="regions"):
        parse(regions, counts)


def test_mean_and_difference() -> None:
    assert mean([Tally(10, 4, 2, 0), Tally(13, 4, 3, 0), Tally(13, 4, 3, 0)]) == Tally(12, 4, 3, 0)
    assert difference([Tally(10, 4, 2, 0)]) == 1
    assert difference([Tally(1000, 4, 2, 0), Tally(1001, 4, 2, 0)]) == pytest.approx(1.001)
    assert difference([Tally(1000, 4, 2, 0), Tally(1000, 4, 2, 1)]) == math.inf


def test_every_row_has_a_key_of_its_own() -> None:
    bundle = read_bundle(DEFAULT_MODEL)
    tasks = list(tasks_of(bundle, files_of(bundle, [])))
    keys = [key for task in tasks for key in task.keys.values()]
    assert len(set(keys)) == len(keys)
    assert "mobilenet_v2/model_int8.tflite" in keys
    assert "mobilenet_v2/model_int8.onnx" in keys
    assert "frame mean/mobilenet_v2/model_int8.tflite" in keys
    assert all(task.layers for task in tasks if task.arguments[0] != "frame")


def test_wrong_files_and_processors_are_refused() -> None:
    bundle = read_bundle(DEFAULT_MODEL)
    assert files_of(bundle, ["model_int8.onnx"]) == ["model_int8.onnx"]
    with pytest.raises(EdgeError, match=r"model\.onnx.*model_int8"):
        files_of(bundle, ["model.onnx"])
    assert chips_named([]) == list(CHIPS.values())
    assert chips_named(["cortex-a76"]) == [CHIPS["cortex-a76"]]
    with pytest.raises(EdgeError, match=r"cortex-a53.*cortex-a72"):
        chips_named(["cortex-a53"])


def edge_bench(*arguments: str | Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from bench.cli import main; main()", "instructions", *map(str, arguments)]
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200, env=environment)


def programs(folder: Path, **texts: str) -> str:
    """Make a folder the only place where programs are, and these the only ones."""
    folder.mkdir()
    for name, text in texts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ({}, ["qemu-aarch64, gcc missing", "sudo apt install qemu-user gcc"]),
        ({"gcc": "exit 0"}, ["qemu-aarch64 missing", "sudo apt install qemu-user"]),
        ({"gcc": "exit 0", "qemu_aarch64": "echo qemu-aarch64 version 10.0.2"}, ["qemu-aarch64 10", "Debian 12"]),
    ],
    ids=["nothing", "no emulator", "another version"],
)
def test_what_is_missing_is_told_with_the_command_that_installs_it(
    there: dict[str, str], says: list[str], tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin", **there)
    done = edge_bench("--quick", "--cache", tmp_path / "cache", path=path)
    assert done.returncode == 2, done.stderr
    for text in says:
        assert text in done.stderr.replace("\n", " ")
    assert not (tmp_path / "cache").exists()


def test_the_table_says_that_its_times_are_estimates() -> None:
    counts = Counts(
        instructions=1234567,
        loads_stores=200000,
        simd=600000,
        dot=0,
        macs=24756224,
        bytes_moved=3480000,
        estimate_ms=1.5,
        assumptions=("an estimate, not measured: peaks", "the larger of: this 1 ms, that 1.5 ms"),
    )
    with Recording("instructions", NORMAL) as recording:
        recording.rows.append(Row(key="a/cortex-a72", counts=counts, notes=("as it is",)))
        recording.rows.append(Row(key="b/cortex-a72", status="failed", reason="it crashed"))
        recording.noise = 1.00001
    result = recording.result()
    text = show(result)
    for part in ("1,234,567", "24,756,224", "3.48", "1.50", "estimate ms*", "* an estimate, not measured"):
        assert part in text
    assert "b/cortex-a72  failed: it crashed" in text
    assert "0.0010 %" in text
    assert "FPS" not in text and "frames/s" not in text
