"""The table in the terminal: literal lines, a hundred columns, colour only where somebody sees it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge.bundle import Metrics, Parity
from quantize.record import Latency, Report, Row, to_json
from quantize.table import WIDTH, table

ROOT = Path(__file__).parent.parent.parent
DATA = "FER+ validation"


def compared(drop: float | None, interval: tuple[float, float] | None, agreement: float, logit: float) -> Parity:
    return Parity(DATA, 500, logit, 0.01, 0.1, 0.01, 0.01, agreement, drop, interval)


def accuracy(value: float) -> Metrics:
    return Metrics(DATA, 500, value, 0.58)


CHECKPOINT = Row("model_weights.pth", "pth", "float32", "kept", size=4_639_299, metrics=accuracy(0.838))
ROWS = (
    Row(
        "model.onnx",
        "onnx",
        "float32",
        "kept",
        size=8_922_899,
        metrics=accuracy(0.838),
        parity=compared(0.0, (0.0, 0.0), 1.0, 4.5e-6),
        latency=Latency(1.4, 1.6, 100, 1, 1.0),
    ),
    Row(
        "model_int8.onnx",
        "onnx",
        "int8",
        "made",
        size=2_653_892,
        metrics=accuracy(0.834),
        parity=compared(0.004, (-0.006, 0.014), 0.984, 0.4921),
        latency=Latency(0.651, 0.8, 100, 1, 2.15),
    ),
    Row("model_int8.tflite", "tflite", "int8", "failed", problem="loses 1.8 points,\nallowed is 0.5", size=2_732_520),
    Row("model.h5", "keras", "float32", "refused", problem="cannot be ported to Keras"),
)
REPORT = Report("model", "mobilenet_v2", 64, ("a", "b"), CHECKPOINT, ROWS, DATA, 500, {})

LINES = """\
   file               status     MB  acc %  lost      95 % CI  same %  logits    ms   FPS
0  model_weights.pth  -        4.64  83.80
1  model.onnx         kept     8.92  83.80  0.00   0.00..0.00  100.00  4.5e-6  1.40   714
2  model_int8.onnx    made     2.65  83.40  0.40  -0.60..1.40   98.40   0.492  0.65  1536
3  model_int8.tflite  FAILED   2.73
4  model.h5           refused
lost: points of accuracy, CI paired; same: the checkpoint's emotion; logits: largest difference
model_int8.tflite kept out: loses 1.8 points, allowed is 0.5
model.h5 not tried: cannot be ported to Keras"""


def test_one_line_a_file_and_one_a_problem() -> None:
    assert table(REPORT).splitlines() == LINES.splitlines()


def test_columns_that_nobody_filled_are_left_out() -> None:
    rows = (Row("model.onnx", "onnx", "float32", "made", size=8_922_899, parity=compared(None, None, 0.984, 0.25)),)
    checkpoint = msgspec.structs.replace(CHECKPOINT, metrics=None)
    assert table(msgspec.structs.replace(REPORT, rows=rows, checkpoint=checkpoint)).splitlines()[:3] == [
        "   file               status    MB  same %  logits",
        "0  model_weights.pth  -       4.64",
        "1  model.onnx         made    8.92   98.40   0.250",
    ]


@pytest.mark.parametrize(
    ("name", "size", "drop", "interval", "milliseconds"),
    [
        ("model_float16.tflite", 8_900_000, 0.004, (-0.012, 0.014), 1.4),
        ("model_float16.tflite", 102_900_000, 0.1234, (0.1034, 0.1534), 1234.5),
        (
            "a_name_that_somebody_chose_for_a_checkpoint.onnx",
            1_002_900_000,
            -0.1234,
            (-0.1034, -0.2534),
            99999.5,
        ),
    ],
)
def test_it_fits_a_hundred_columns(
    name: str, size: int, drop: float, interval: tuple[float, float], milliseconds: float
) -> None:
    row = Row(
        name,
        "tflite",
        "float16",
        "refused",
        size=size,
        metrics=accuracy(0.5),
        parity=compared(drop, interval, 0.98, 1e-12),
        latency=Latency(milliseconds, milliseconds, 10, 1),
    )
    text = table(msgspec.structs.replace(REPORT, rows=(row,) * 10))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert f" {100 * drop:.2f} " in text and f" {100 * interval[0]:.2f}..{100 * interval[1]:.2f} " in text


PROGRAM = """
import sys, msgspec
from quantize.record import Report
from quantize.table import show
show(msgspec.json.decode(open(sys.argv[1], "rb").read(), type=Report))
"""


def test_piped_it_is_plain_and_needs_no_framework(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(to_json(REPORT))
    program = PROGRAM + "assert not {'torch', 'tensorflow', 'onnxruntime'} & set(sys.modules)"
    command = [sys.executable, "-c", program, str(tmp_path / "report.json")]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "FORCE_COLOR": "1"}
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert shown.stdout == LINES + "\n"


def test_on_a_terminal_failures_are_red_and_lines_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(to_json(REPORT))
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "60"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "report.json")]
    subprocess.run(command, stdout=theirs, check=True, cwd=ROOT, env=environment, timeout=120)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    lines = shown.replace("\r", "").splitlines()
    assert len(lines) == len(LINES.splitlines())
    (failed,) = [line for line in lines if "FAILED" in line]
    assert failed.startswith("\x1b[1;31m")
    (made,) = [line for line in lines if "model_int8.onnx" in line]
    assert made.startswith("\x1b[32m") and "-0.60..1.40" in made
