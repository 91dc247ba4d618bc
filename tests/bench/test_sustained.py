"""edge-bench sustained: its curve on file trees in the kernel's layout, its end, and what it says about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.pipeline.combinations import combination
from bench.pipeline.messages import Job
from bench.pipeline.table import show_curve, thinned
from bench.result import Sample, read_result
from bench.sustained import curve_remarks, measure_sustained
from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
JOB = Job(model=str(DEFAULT_MODEL / "model_int8.tflite"), size=(160, 120))


def hot(at: float, fps: float, heat: float, throttled: bool, mhz: float = 2400) -> Sample:
    return Sample(at=at, fps=fps, temperature_c=heat, clock_mhz=mhz, throttled=throttled)


def test_a_curve_in_words() -> None:
    curve = [hot(10 * i, 20, 50 + i, False) for i in range(1, 13)]
    curve += [hot(10 * i, 15, 84, True, 1500) for i in range(13, 25)]
    assert curve_remarks(curve) == [
        "20.0 FPS in the first minute, 15.0 in the last: 0.75 times",
        "throttling began after 2:10, at 84 °C; it held in 50 % of the samples",
        "51 °C at first, 84 at the highest",
        "the clock fell from 2400 to 1500 MHz",
    ]


def test_a_short_curve_of_a_machine_that_tells_nothing() -> None:
    curve = [Sample(at=at, fps=fps, power_w=4.0) for at, fps in ((10, 30), (20, 30), (30, 27), (40, 27))]
    assert curve_remarks(curve) == [
        "30.0 FPS in the first 20 s, 27.0 in the last: 0.90 times",
        "nothing on this machine tells of throttling",
        "nothing on this machine tells its temperature",
        "4.00 W on average",
    ]
    assert "no throttling" in curve_remarks([hot(10, 30, 60, False)])


@pytest.mark.parametrize(("count", "most", "first"), [(3, 16, [0, 1, 2]), (100, 3, [0, 50, 99])])
def test_thinned(count: int, most: int, first: list[int]) -> None:
    assert [one.at for one in thinned([Sample(at=i, fps=1) for i in range(count)], most)] == first


def test_a_run_on_a_pi_that_is_too_hot(tmp_path: Path) -> None:
    for name, text in {
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
        "sys/class/thermal/thermal_zone0/temp": "82500",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "60006",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    seen: list[Sample] = []
    result, broken = measure_sustained(combination(JOB), 0.05, inputs="a person", progress=seen.append, root=tmp_path)
    assert broken is None and result.kind == "sustained"
    (row,) = result.rows
    assert row.curve == tuple(seen) and len(seen) == 3
    assert [one.at for one in seen] == sorted(one.at for one in seen)
    for one in seen:
        assert (one.temperature_c, one.throttled, one.power_w) == (82.5, True, None)
        assert one.fps > 0
    assert row.timing is not None and row.frames == row.timing.count and len(row.timing.blocks) == 3
    assert any(remark.startswith("throttling began after 0:01, at 82 °C") for remark in result.remarks)
    text = show_curve(result)
    assert "82.5" in text and "yes" in text and max(map(len, text.partition("\nnote:")[0].splitlines())) <= 100


def test_a_process_that_can_not_start() -> None:
    with pytest.raises(EdgeError, match="no such file"):
        measure_sustained(combination(Job(model=JOB.model, source="nowhere.mp4")), 0.05, inputs="nothing")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_measured_before_it_was_ended(tmp_path: Path, number: signal.Signals) -> None:
    written = tmp_path / "run.json"
    code = "from bench.cli import main; main()"
    arguments = ["sustained", "--minutes", "5", "--size", "160x120", "--power", "none", "--json", str(written)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    assert "FPS" in process.stderr.readline()  # the first sample
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    result = read_result(written)
    assert len(result.rows[0].curve) >= 1
    assert any(remark.startswith("interrupted after 0.0 of 5 minutes") for remark in result.remarks)
    assert "note: interrupted after" in printed
